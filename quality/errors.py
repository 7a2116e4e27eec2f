"""Errors of the quality stage.

QualityError
└── SuiteError   the suite is written wrongly: mend it, nothing was checked
"""

from __future__ import annotations


class QualityError(Exception):
    """Anything that quality raises on purpose."""


class SuiteError(QualityError):
    """A suite asks for something that its executions do not know."""
