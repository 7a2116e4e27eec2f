"""Errors of the composition root.

LeadlineError
├── StackError       a process of the local stack did not start or died
├── DemoFailed       the demo ran but an invariant did not hold
└── NotSetUp         a store that the command needs is not there yet
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
