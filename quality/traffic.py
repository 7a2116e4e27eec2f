"""What senders send, window by window: volumes, shares of refused rows and fields, against the recent past.

Pure bookkeeping; the figures are judged by a suite. It learns in memory and anew after a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LEARNING = 3  # windows of `SEEN` samples before a new or vanished field is reported
MEMORY = 12  # windows that are "the recent past"
ENOUGH = 200  # rows below which a share or a volume is not judged
HABIT = 0.2  # share of samples that makes a field a habit, whose end is reported
SEEN = 30  # samples of a window below which the end of a habit is not judged

EVERYTHING = "(all)"
FIGURES = ("source", "volume", "refused_share", "stage_refused_share")


@dataclass(slots=True)
class Source:
    """What one source system sent within a window."""

    rows: int = 0
    refused: int = 0
    samples: int = 0  # bodies whose fields were looked at
    fields: dict[str, int] = field(default_factory=dict)

    def sample(self, names: Iterable[str]) -> None:
        """Takes note of one body's fields."""
        self.samples += 1
        for name in names:
            self.fields[name] = self.fields.get(name, 0) + 1


@dataclass(slots=True)
class Window:
    """What all sources sent within a window. Times are epoch seconds of receipt, so that a replay looks like live."""

    sources: dict[str, Source] = field(default_factory=dict)
    first: float = float("inf")
    last: float = float("-inf")

    def note(self, system: str, received: float, rows: int, refused: int) -> Source:
        """Counts one message."""
        source = self.sources.setdefault(system, Source())
        source.rows += rows
        source.refused += refused
        self.first, self.last = min(self.first, received), max(self.last, received)
        return source

    @property
    def rows(self) -> int:
        """All rows, refused or not."""
        return sum(source.rows for source in self.sources.values())

    @property
    def seconds(self) -> float:
        """The span of received time, at least a second."""
        return max(self.last - self.first, 1.0)


class Past:
    """The recent windows and every field that was ever seen."""

    def __init__(self) -> None:
        self._windows: deque[Window] = deque(maxlen=MEMORY)
        self._known: dict[str, set[str]] = {}

    def profile(self, window: Window) -> tuple[list[dict[str, Any]], list[str]]:
        """A table with a row a source and the columns it is expected to have.

        Its columns are `FIGURES` and one for every field that the window's samples had, `{source}.{field}`. `volume` is
        rows per second relative to the past; a figure is null where too little was seen.
        """
        systems = sorted(window.sources.keys() | {system for past in self._windows for system in past.sources})
        table = [self._figures(system, window) for system in systems]
        now = {f"{system}.{name}" for system, source in window.sources.items() for name in source.fields}
        refused = sum(source.refused for source in window.sources.values())
        share = refused / window.rows if window.rows >= ENOUGH else None
        table.append(dict(zip(FIGURES, (EVERYTHING, None, None, share), strict=True)) | dict.fromkeys(sorted(now), 1))
        expected = {name for name in now if not self._is_new(name)} | self._missed(window)
        return table, [*FIGURES, *sorted(expected)]

    def remember(self, window: Window) -> None:
        """Makes `window` the newest of the past."""
        self._windows.append(window)
        for system, source in window.sources.items():
            self._known.setdefault(system, set()).update(source.fields)

    def _figures(self, system: str, window: Window) -> dict[str, Any]:
        source = window.sources.get(system, Source())
        rates = [past.sources[system].rows / past.seconds if system in past.sources else 0.0 for past in self._windows]
        usual = window.seconds * sum(rates) / len(rates) if rates else 0.0
        volume = source.rows / usual if usual >= ENOUGH else None
        share = source.refused / source.rows if source.rows >= ENOUGH else None
        return dict(zip(FIGURES, (system, volume, share, None), strict=True))

    def _is_new(self, name: str) -> bool:
        system, _, column = name.partition(".")
        samples = sum(past.sources[system].samples for past in self._windows if system in past.sources)
        return samples >= LEARNING * SEEN and column not in self._known.get(system, ())

    def _missed(self, window: Window) -> set[str]:
        """Fields that were a habit in every recent window and that no sample of this one had."""
        missed: set[str] = set()
        for system, source in window.sources.items():
            past = [w.sources[system] for w in self._windows if system in w.sources]
            past = [one for one in past if one.samples >= SEEN]
            if source.samples < SEEN or len(past) < LEARNING:
                continue
            gone = self._known.get(system, set()) - source.fields.keys()
            missed |= {
                f"{system}.{name}" for name in gone if all(p.fields.get(name, 0) >= HABIT * p.samples for p in past)
            }
        return missed
