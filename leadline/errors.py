"""Errors of the composition root.

LeadlineError
├── StackError       a process of the local stack did not start or died
├── DemoFailed       the demo ran but an invariant did not hold
├── NotSetUp         a store that the command needs is not there yet
├── BrokerSetupError  the broker lacks something on this machine: install it, or point to another cluster
└── BrokerStartError  Kafka was started and refused: its own words are in the message
"""

from __future__ import annotations


class LeadlineError(Exception):
    """Anything the command line reports without a traceback."""


class StackError(LeadlineError):
    """A process of the local stack did not start or died."""


class DemoFailed(LeadlineError):
    """The demo ran but an invariant did not hold."""


class NotSetUp(LeadlineError):
    """A store that the command needs is not there yet."""


class BrokerSetupError(LeadlineError):
    """This machine lacks something the broker needs, or a chosen port is taken."""


class BrokerStartError(LeadlineError):
    """Kafka was started and did not come up; the tail of its log is in the message."""
