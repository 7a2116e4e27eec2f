"""Tiles of time and the windows that are made of them, with their edges (ADR 2).

A window of length W with hop h read at t covers the tiles from `floor(t, h) − W` up to t, so it is at most one hop
longer than W. The hop is one hour up to 14 days and one day above. Calendar days are days in UTC, today included.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from features.clock import DAY, HOUR

if TYPE_CHECKING:
    from features.language.reading import Reading

HOURLY_UP_TO = 14  # days


class Hop(IntEnum):
    """How long a tile is: an hour, a day, or all of time."""

    HOUR = 0
    DAY = 1
    EVER = 2


Tiles = tuple[int, int, int]  # the tile of a moment for each hop


def tiles_at(moment: int) -> Tiles:
    """The tiles that hold a moment (µs)."""
    return moment // HOUR, moment // DAY, 0


@dataclass(frozen=True, slots=True)
class Window:
    """The present tile and those `back` before it."""

    hop: Hop
    back: int
    edges: str  # in words

    @classmethod
    def of(cls, days: int | None) -> Self:
        """The last `days` days by the rule above; everything for None. Raises `ValueError` for less than a day."""
        if days is None:
            return cls(Hop.EVER, 0, "since the first event")
        if days < 1:
            raise ValueError(f"a window of {days} days holds nothing; give it at least 1, or none for everything")
        if days <= HOURLY_UP_TO:
            return cls(Hop.HOUR, 24 * days, f"{days} d, from the start of the hour (hop 1 h)")
        return cls(Hop.DAY, days, f"{days} d, from the start of the day, UTC (hop 1 d)")

    @classmethod
    def calendar(cls, days: int) -> Self:
        """Today and the days before it, `days` in all. Raises `ValueError` for less than one."""
        if days < 1:
            raise ValueError(f"{days} calendar days hold nothing; give at least 1")
        return cls(Hop.DAY, days - 1, f"{days} calendar days, UTC, today included")

    def holds(self, moment: int, at: Reading) -> bool:
        """Whether the window read at `at` holds a moment (µs)."""
        now = at.tiles[self.hop]
        return now - self.back <= tiles_at(moment)[self.hop] <= now

    def sql(self, at: Reading) -> str:
        """The same as a condition on a row of the facts table."""
        if self.hop is Hop.EVER:
            return "TRUE"
        now = at.tiles[self.hop]
        return f"{self.hop.name.lower()} BETWEEN {now - self.back} AND {now}"
