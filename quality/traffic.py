"""What senders send, window by window: volumes, shares of refused rows and fields, against the recent past.

Pure bookkeeping; the figures are judged by a suite. It learns in memory and anew after a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import copysign, sqrt
from typing import Any

SEEN = 30  # samples that are enough to judge a source's fields; fewer go on into the next window
LEARNING = 3  # windows with enough samples before a new, vanished, retyped or emptier field is reported
MEMORY = 12  # windows that are "the recent past"; of a source's fields, windows with enough samples
ENOUGH = 200  # rows below which a share or a volume is not judged
UNLIKELY = 1e-6  # chance at which a field that is rarely there is missing by itself, and nobody is alarmed
CHANCE = 3.0  # standard errors that a share may move by itself

EVERYTHING = "(all)"
NULL = "null"
FIGURES = ("source", "volume", "refused_share", "stage_refused_share", "null_change")


@dataclass(slots=True)
class Field:
    """What a source's samples had under one name."""

    seen: int = 0  # samples
    filled: int = 0  # of them with something else than null
    types: set[str] = field(default_factory=set)  # but null


@dataclass(slots=True)
class Source:
    """What one source system sent within a window."""

    messages: int = 0
    rows: int = 0
    refused: int = 0
    samples: int = 0  # bodies whose fields were looked at
    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def tells(self) -> bool:
        """Whether there are enough samples to judge its fields by."""
        return self.samples >= SEEN

    def sample(self, types: Mapping[str, str]) -> None:
        """Takes note of one body's fields and their types; `NULL` is the type of a field that says nothing."""
        self.samples += 1
        for name, kind in types.items():
            found = self.fields.setdefault(name, Field())
            found.seen += 1
            if kind != NULL:
                found.filled += 1
                found.types.add(kind)


@dataclass(slots=True)
class Window:
    """What all sources sent within a window. Times are epoch seconds of receipt, so that a replay looks like live."""

    sources: dict[str, Source] = field(default_factory=dict)
    first: float = float("inf")
    last: float = float("-inf")

    def note(self, system: str, received: float, rows: int, refused: int) -> Source:
        """Counts one message."""
        source = self.sources.get(system)
        if source is None:
            source = self.sources[system] = Source()
        source.rows += rows
        source.refused += refused
        if received < self.first:
            self.first = received
        if received > self.last:
            self.last = received
        return source

    def next(self) -> Window:
        """An empty window, but for the samples of sources that did not send enough to be judged by them."""
        few = {system: source for system, source in self.sources.items() if not source.tells}
        return Window({system: Source(samples=one.samples, fields=one.fields) for system, one in few.items()})

    @property
    def rows(self) -> int:
        """All rows, refused or not."""
        return sum(source.rows for source in self.sources.values())

    @property
    def seconds(self) -> float:
        """The span of received time, at least a second."""
        return max(self.last - self.first, 1.0)


class Past:
    """The recent windows, and every field that was ever seen with its types."""

    def __init__(self) -> None:
        self._windows: deque[Window] = deque(maxlen=MEMORY)
        self._habits: dict[str, deque[Source]] = {}
        self._known: dict[str, dict[str, set[str]]] = {}

    def profile(self, window: Window) -> tuple[list[dict[str, Any]], list[str]]:
        """A table with a row a source and a row each of its fields, and the columns that it is expected to have.

        Its columns are `FIGURES`; one for every field that the window's samples had, `{source}.{field}`; and one for
        every type that a known field had anew, `{source}.{field} as {type}`. `volume` is rows per second relative to
        the past, `null_change` how the share of samples without a value moved beyond chance; a figure is null where too
        little was seen.
        """
        systems = sorted(window.sources.keys() | {system for past in self._windows for system in past.sources})
        table = [self._figures(system, window) for system in systems]
        table += [change for system, source in window.sources.items() for change in self._null_changes(system, source)]
        refused = sum(source.refused for source in window.sources.values())
        share = refused / window.rows if window.rows >= ENOUGH else None
        now, new = self._columns(window)
        table.append(_row(EVERYTHING, stage_refused_share=share) | dict.fromkeys(sorted(now), 1))
        return table, [*FIGURES, *sorted((now - new) | self._missed(window))]

    def remember(self, window: Window) -> None:
        """Makes `window` the newest of the past."""
        self._windows.append(window)
        for system, source in window.sources.items():
            if source.tells:
                self._habits.setdefault(system, deque(maxlen=MEMORY)).append(source)
            known = self._known.setdefault(system, {})
            for name, found in source.fields.items():
                known.setdefault(name, set()).update(found.types)

    def _figures(self, system: str, window: Window) -> dict[str, Any]:
        source = window.sources.get(system, Source())
        rates = [past.sources[system].rows / past.seconds if system in past.sources else 0.0 for past in self._windows]
        usual = window.seconds * sum(rates) / len(rates) if rates else 0.0
        volume = source.rows / usual if usual >= ENOUGH else None
        share = source.refused / source.rows if source.rows >= ENOUGH else None
        return _row(system, volume=volume, refused_share=share)

    def _columns(self, window: Window) -> tuple[set[str], set[str]]:
        """What the window's samples had, and what of it is new: fields, and types of known fields."""
        now: set[str] = set()
        new: set[str] = set()
        for system, source in window.sources.items():
            known, learned = self._known.get(system, {}), bool(self._learned(system))
            for name, found in source.fields.items():
                column = f"{system}.{name}"
                now.add(column)
                if learned and name not in known:
                    new.add(column)
                if learned and known.get(name):
                    retyped = {f"{column} as {kind}" for kind in found.types - known[name]}
                    now, new = now | retyped, new | retyped
        return now, new

    def _learned(self, system: str) -> Sequence[Source]:
        """The source's recent windows with enough samples; none while they are too few to judge by."""
        past = self._habits.get(system, ())
        return past if len(past) >= LEARNING else ()

    def _null_changes(self, system: str, source: Source) -> Iterator[dict[str, Any]]:
        """A row for each field that was there before and still is."""
        past = self._learned(system)
        if not source.tells or not past:
            return
        before = sum(one.samples for one in past)
        for name, found in sorted(source.fields.items()):
            filled = [one.fields[name].filled for one in past if name in one.fields]
            if filled:
                change = _beyond_chance(found.filled, source.samples, sum(filled), before)
                yield _row(f"{system}.{name}", null_change=-change)

    def _missed(self, window: Window) -> set[str]:
        """Fields that no sample of this window had, although they were in so many of every recent one.

        The least share that a recent window had counts: what a sender sends goes by what people do, not by dice.
        """
        missed: set[str] = set()
        for system, source in window.sources.items():
            past = self._learned(system)
            if not source.tells or not past:
                continue
            for name in self._known.get(system, {}).keys() - source.fields.keys():
                least = min(one.fields[name].seen / one.samples if name in one.fields else 0.0 for one in past)
                if (1 - least) ** source.samples < UNLIKELY:
                    missed.add(f"{system}.{name}")
        return missed


def _row(name: str, **figures: float | None) -> dict[str, Any]:
    return dict.fromkeys(FIGURES) | {"source": name} | figures


def _beyond_chance(hits: int, of: int, hits_before: int, of_before: int) -> float:
    """How far a share moved, less what `CHANCE` standard errors of two samples of one share explain."""
    moved, share = hits / of - hits_before / of_before, (hits + hits_before) / (of + of_before)
    chance = CHANCE * sqrt(share * (1 - share) * (1 / of + 1 / of_before))
    return copysign(max(abs(moved) - chance, 0.0), moved)
