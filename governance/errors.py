"""Errors of governance.

GovernanceError
└── Untraceable   the lake no longer holds, or never held, what the decision names
"""

from __future__ import annotations


class GovernanceError(Exception):
    """Anything that governance raises on purpose."""


class Untraceable(GovernanceError):
    """The lake no longer holds, or never held, what the decision names."""
