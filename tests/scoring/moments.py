"""The moment at which the tests of this stage take place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from prometheus_client import CollectorRegistry

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


def clock() -> datetime:
    """Always `NOW`."""
    return NOW


class Ticking:
    """A clock that moves on by a second whenever it is read."""

    def __init__(self) -> None:
        self._seconds = count()

    def __call__(self) -> datetime:
        return NOW + timedelta(seconds=next(self._seconds))


def registry() -> CollectorRegistry:
    """Metrics of a test's own."""
    return CollectorRegistry()
