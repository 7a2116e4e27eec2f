"""What a state must keep for an expression: a slot in one of its drawers, and how an event is put there.

Invariant: putting commutes, so a state is a function of the set of events (see `features.state`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import TypeVar
from zlib import crc32

from features.language.window import Hop, Tiles
from features.priority import standing
from features.state import Stamped, State

Key = TypeVar("Key", int, str)
Value = TypeVar("Value", int, float)

SCALE = 1_000  # amounts are summed in thousandths: whole numbers, because a sum of floats depends on the order
LARGEST = 1e12  # an amount beyond it is taken for a slip; nine thousand of them fit into a sum


def scaled(value: float | str) -> int | None:
    """An amount in thousandths; None for a word and for what is out of bounds."""
    if isinstance(value, str) or not isfinite(value) or abs(value) > LARGEST:
        return None
    return round(value * SCALE)


def hashed(value: float | str) -> int:
    """32 bits that stand for a value where values are told apart and not remembered."""
    return crc32(str(value).encode())


def series_of(slot: int, hop: Hop, *, least: bool = False) -> int:
    """Where a drawer of tiles keeps a slot; its last two bits are the hop."""
    return slot << 3 | least << 2 | hop


@dataclass(frozen=True)
class Keep:
    """A slot that is kept."""

    slot: int

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """Put a value of the slot, said in these tiles, into the state."""
        raise NotImplementedError


@dataclass(frozen=True)
class Latest(Keep):
    """When something was last said of it."""

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """See `Keep`."""
        if stamped[0] > state.last.get(self.slot, 0):
            state.last[self.slot] = stamped[0]


@dataclass(frozen=True)
class Newest(Keep):
    """The newest value, of a profile the best source's: see `features.priority`; of one moment its `tie` decides."""

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """See `Keep`."""
        keep_best(state.values, self.slot, stamped)


@dataclass(frozen=True)
class Oldest(Keep):
    """The oldest value; of one moment the one of the least `tie`."""

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """See `Keep`."""
        keep_oldest(state.first, self.slot, stamped)


@dataclass(frozen=True)
class InTiles(Keep):
    """A series of tiles: the newest event's, and `back` before it."""

    hop: Hop
    back: int

    @cached_property
    def series(self) -> int:
        """Where it is kept."""
        return series_of(self.slot, self.hop)


@dataclass(frozen=True)
class Number(InTiles):
    """How many there were."""

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """See `Keep`."""
        add(state.sums, self.series, tiles[self.hop], 1)


@dataclass(frozen=True)
class Amount(InTiles):
    """What they add up to."""

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """See `Keep`."""
        if (amount := scaled(stamped[2])) is not None:
            add(state.sums, self.series, tiles[self.hop], amount)


@dataclass(frozen=True)
class Peak(InTiles):
    """The highest number, or the least."""

    least: bool

    @cached_property
    def series(self) -> int:
        """Where it is kept."""
        return series_of(self.slot, self.hop, least=self.least)

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """See `Keep`."""
        value = stamped[2]
        if not isinstance(value, str):
            raise_to(state.peaks.setdefault(self.series, {}), tiles[self.hop], -value if self.least else value)


@dataclass(frozen=True)
class Seen(InTiles):
    """Which values there were, the `cap` newest."""

    cap: int

    def put(self, state: State, tiles: Tiles, stamped: Stamped) -> None:
        """See `Keep`."""
        raise_to(state.seen.setdefault(self.series, {}), hashed(stamped[2]), tiles[self.hop])


@dataclass(frozen=True)
class Items(Keep):
    """The newest value of each thing that has one."""


@dataclass(frozen=True)
class People(Keep):
    """Who of an account acted, for so many days before its newest event."""

    back: int


@dataclass(frozen=True)
class Kept:
    """Everything that one state keeps."""

    puts: dict[int, tuple[Keep, ...]]  # by slot
    items: frozenset[int]
    counts: frozenset[int]  # series of acts
    horizons: dict[int, int]  # series -> tiles before the newest event's
    caps: dict[int, int]  # series of `seen` -> values
    people: int | None  # days; None: not at all

    @classmethod
    def of(cls, keeps: Iterable[Keep]) -> Kept:
        """What keeps all of these: of one series the longest horizon and the largest cap."""
        wanted = set(keeps)
        tiled = [keep for keep in wanted if isinstance(keep, InTiles)]
        puts: dict[int, set[Keep]] = defaultdict(set)
        for keep in wanted:
            if not isinstance(keep, Items | People):
                puts[keep.slot].add(_alike(keep))
        return cls(
            puts={slot: tuple(sorted(found, key=repr)) for slot, found in puts.items()},
            items=frozenset(keep.slot for keep in wanted if isinstance(keep, Items)),
            counts=frozenset(keep.series for keep in tiled if isinstance(keep, Number)),
            horizons={keep.series: max(e.back for e in tiled if e.series == keep.series) for keep in tiled},
            caps={
                keep.series: max(e.cap for e in tiled if isinstance(e, Seen) and e.series == keep.series)
                for keep in tiled
                if isinstance(keep, Seen)
            },
            people=max((keep.back for keep in wanted if isinstance(keep, People)), default=None),
        )


def _alike(keep: Keep) -> Keep:
    """Without horizon and cap, in which keeps of one series may differ."""
    if isinstance(keep, Seen):
        keep = replace(keep, cap=0)
    return replace(keep, back=0) if isinstance(keep, InTiles) else keep


def add(drawer: dict[int, dict[int, int]], series: int, tile: int, amount: int) -> None:
    """Add to a tile."""
    tiles = drawer.get(series)
    if tiles is None:
        drawer[series] = {tile: amount}
    else:
        tiles[tile] = tiles.get(tile, 0) + amount


def raise_to(values: dict[Key, Value], key: Key, value: Value) -> None:
    """Put a value that is higher than the one that is there."""
    known = values.get(key)
    if known is None or value > known:
        values[key] = value


def keep_best(values: dict[int, Stamped], slot: int, stamped: Stamped) -> None:
    """Put a value of a slot that stands higher than the one that is there."""
    known = values.get(slot)
    if known is None or standing(slot, stamped) > standing(slot, known):
        values[slot] = stamped


def keep_newest(values: dict[Key, Stamped], key: Key, stamped: Stamped) -> None:
    """Put a value that is newer than the one that is there."""
    known = values.get(key)
    if known is None or stamped[:2] > known[:2]:  # the values themselves may be of different types
        values[key] = stamped


def keep_oldest(values: dict[Key, Stamped], key: Key, stamped: Stamped) -> None:
    """Put a value that is older than the one that is there."""
    known = values.get(key)
    if known is None or stamped[:2] < known[:2]:
        values[key] = stamped
