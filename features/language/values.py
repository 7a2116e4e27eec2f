"""Expressions over values: the newest and the oldest, the highest and the least, sums, and how many there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

from features.activity import Facts, Slot
from features.language.acts import FIRST_SLOT, SLOTS, between
from features.language.expression import Expression
from features.language.keep import SCALE, Amount, InTiles, Keep, Latest, Newest, Oldest, Peak, Seen
from features.language.reading import Entity, Reading
from features.language.window import Window
from features.priority import standing
from features.state import Stamped
from ingestion.contracts.event import Event, EventType

MOST_TOLD_APART = 50  # values of one series: 500 bytes of a state


@dataclass(frozen=True)
class Property:
    """A property that events of one type carry, for what the vocabulary has no word for.

    With `words` it is one of them, and counts as its place among them; a number is not said then. Without, it is a
    number. Anybody may say it, but bots and tests.
    """

    event: EventType
    key: str
    words: tuple[str, ...] = ()

    @cached_property
    def slot(self) -> int:
        """It follows from what is kept, not from a place in a list."""
        return FIRST_SLOT + crc32(f"{self.event}.{self.key}".encode()) % SLOTS

    @property
    def worded(self) -> bool:
        """Whether it is said in words."""
        return bool(self.words)

    def said_by(self, event: Event) -> float | str | None:
        """What an event says."""
        value = event.data.properties.get(self.key) if event.type is self.event else None
        if isinstance(value, str):
            return value if self.worded else None
        return float(value) if isinstance(value, int | float) and not self.worded else None

    def number(self, word: str) -> float | None:
        """A word's place; None for any other word."""
        return float(self.words.index(word)) if word in self.words else None


@dataclass(frozen=True)
class OverValue(Expression):
    """Of one kind of value."""

    what: Slot | Property

    @property
    def over(self) -> tuple[Slot | Property, ...]:
        """See `Expression`."""
        return (self.what,)

    @cached_property
    def slot(self) -> int:
        """Of the value."""
        return self.what.slot

    def said(self, facts: Facts) -> bool:
        """Whether these facts say it."""
        return any(slot == self.slot for slot, _ in facts.values + facts.company)


@dataclass(frozen=True)
class InWindow(OverValue):
    """Of what was said in the last `days` days; without them, ever."""

    days: int | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for an entity that has no series of its own."""
        if self.of is Entity.COMPANY:
            raise ValueError(f"{type(self).__name__} of a company is kept nowhere: say Entity.LEAD or Entity.ACCOUNT")

    @cached_property
    def window(self) -> Window:
        """The stretch of time."""
        return Window.of(self.days)

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return self.window.edges

    @cached_property
    def tiled(self) -> InTiles:
        """The series that is kept."""
        raise NotImplementedError

    @cached_property
    def series(self) -> int:
        """Its place."""
        return self.tiled.series

    def keeps(self) -> tuple[Keep, ...]:
        """The window's tiles, and when it was last said."""
        return self.tiled, Latest(self.slot)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """What said it within the window."""
        return self.said(facts) and self.window.holds(moment, at)

    def where(self, at: Reading) -> str:
        """The window's rows."""
        return f"FILTER (WHERE code = {self.slot} AND {self.window.sql(at)})"


@dataclass(frozen=True)
class Sum(InWindow):
    """What numbers add up to, in thousandths."""

    @cached_property
    def tiled(self) -> InTiles:
        """See `InWindow`."""
        return Amount(self.slot, self.window.hop, self.window.back)

    def value(self, at: Reading) -> float:
        """The sum; 0 without any."""
        last = at.tiles[self.window.hop]
        tiles = at.states[self.of].sums.get(self.series)
        return float(between(tiles, last - self.window.back, last)) / SCALE if tiles else 0.0

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"coalesce(CAST(sum(scaled) {self.where(at)} AS DOUBLE), 0) / {SCALE}"


@dataclass(frozen=True)
class Max(InWindow):
    """The highest number; missing without any."""

    @property
    def nullable(self) -> bool:
        """See `Expression`."""
        return True

    @cached_property
    def tiled(self) -> InTiles:
        """See `InWindow`."""
        return Peak(self.slot, self.window.hop, self.window.back, least=False)

    def value(self, at: Reading) -> float | None:
        """The number."""
        last = at.tiles[self.window.hop]
        tiles = at.states[self.of].peaks.get(self.series)
        held = [peak for tile, peak in tiles.items() if last - self.window.back <= tile <= last] if tiles else None
        return max(held) if held else None

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"max(number) {self.where(at)}"


@dataclass(frozen=True)
class Min(Max):
    """The least number; missing without any."""

    @cached_property
    def tiled(self) -> InTiles:
        """See `InWindow`."""
        return Peak(self.slot, self.window.hop, self.window.back, least=True)

    def value(self, at: Reading) -> float | None:
        """The number."""
        turned = super().value(at)
        return None if turned is None else -turned

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"min(number) {self.where(at)}"


@dataclass(frozen=True)
class Distinct(InWindow):
    """How many different values there were; `cap` stands for so many or more."""

    cap: int = MOST_TOLD_APART

    def __post_init__(self) -> None:
        """Raises `ValueError` for a cap that no state has room for."""
        super().__post_init__()
        if not 1 <= self.cap <= MOST_TOLD_APART:
            raise ValueError(f"Distinct tells 1 to {MOST_TOLD_APART} values apart, not {self.cap}: give another cap")

    @cached_property
    def tiled(self) -> InTiles:
        """See `InWindow`."""
        return Seen(self.slot, self.window.hop, self.window.back, self.cap)

    def value(self, at: Reading) -> float:
        """Their number."""
        last = at.tiles[self.window.hop]
        seen = at.states[self.of].seen.get(self.series)
        if not seen:
            return 0.0
        return float(min(self.cap, sum([last - self.window.back <= tile <= last for tile in seen.values()])))

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"least(count(DISTINCT hash) {self.where(at)}, {self.cap})"


@dataclass(frozen=True)
class Last(OverValue):
    """The newest value, of a profile the most believed source's (`features.priority`).

    A word becomes a number by its place among its property's words, or by `number`. `otherwise` stands where nobody
    ever said it, and is missing unless given.
    """

    number: Callable[[str], float] | None = None
    otherwise: float | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for words that nothing makes a number of, and for a company's what is a person's."""
        if self.of is Entity.COMPANY and not (isinstance(self.what, Slot) and self.what.of_company):
            raise ValueError(f"{self.what!r} is said of people, not of companies: say Entity.LEAD or Entity.ACCOUNT")
        if self.what.worded and self.number is None and not isinstance(self.what, Property):
            raise ValueError(f"{self.what!r} is said in words: give `number`, a function that makes one of a word")

    @property
    def nullable(self) -> bool:
        """See `Expression`."""
        return self.otherwise is None or (isinstance(self.what, Property) and self.what.worded)

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return "whenever it was said"

    def keeps(self) -> tuple[Keep, ...]:
        """The newest value."""
        return (Newest(self.slot),)

    def value(self, at: Reading) -> float | None:
        """The value's number."""
        stamped = self.stamped(at)
        return self.otherwise if stamped is None else self.finish(stamped[2])

    def stamped(self, at: Reading) -> Stamped | None:
        """The value with its moment."""
        if self.of is not Entity.COMPANY:
            return at.states[self.of].values.get(self.slot)
        said = [state.values[self.slot] for state in at.states if self.slot in state.values]
        return max(said, key=lambda each: standing(self.slot, each)) if said else None

    def finish(self, found: Any) -> float | None:
        """See `Expression`."""
        if found is None:
            return self.otherwise
        if not self.what.worded:
            return float(found)
        if self.number is not None:
            return self.number(found)
        return self.what.number(found) if isinstance(self.what, Property) else None

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        column = "word" if self.what.worded else "number"
        return f"max({column}) FILTER (WHERE code = {self.slot} AND {self._end})"

    _end = "newest"

    def touched(self, at: Reading) -> int:
        """When it was said."""
        stamped = self.stamped(at)
        return stamped[0] if stamped else 0

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """What said it."""
        return self.said(facts) and moment == self.touched(at)


@dataclass(frozen=True)
class First(Last):
    """The oldest value, as `Last` makes a number of it."""

    _end = "oldest"

    def keeps(self) -> tuple[Keep, ...]:
        """The oldest value."""
        return (Oldest(self.slot),)

    def stamped(self, at: Reading) -> Stamped | None:
        """The value with its moment."""
        if self.of is not Entity.COMPANY:
            return at.states[self.of].first.get(self.slot)
        said = [state.first[self.slot] for state in at.states if self.slot in state.first]
        return min(said, key=lambda each: each[:2]) if said else None
