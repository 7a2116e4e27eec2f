"""Moments as whole microseconds since 1970 UTC: exact, ordered, small to store.

Tiles are hours or days since 1970 UTC; a tile holds its start and not its end.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
TICK = timedelta(microseconds=1)
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def micros(moment: datetime) -> int:
    """Microseconds since the epoch; raises `TypeError` for a naive datetime."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def from_micros(value: int) -> datetime:
    """The aware UTC datetime that `micros` turns back into `value`."""
    return EPOCH + timedelta(microseconds=value)


def after(last: datetime | None, moment: datetime) -> datetime:
    """The moment, or the next microsecond after `last` if it is not behind that."""
    return moment if last is None or moment > last else last + TICK
