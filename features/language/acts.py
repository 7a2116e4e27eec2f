"""Expressions over acts: how often, when, how regularly somebody did something."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from zlib import crc32

from features.activity import Facts, Kind
from features.clock import DAY, SECOND
from features.language.expression import Expression
from features.language.keep import Keep, Latest, Number, People, series_of
from features.language.reading import Entity, Reading
from features.language.window import Window
from ingestion.contracts.event import Actor, Event, EventType

FIRST_SLOT, SLOTS = 1_000, 1 << 28  # of declared acts and properties; those of the vocabulary are far below
DAY_SECONDS = DAY // SECOND


@dataclass(frozen=True)
class Act:
    """Events of one type by some actors, if wanted only those whose property `key` is `among` some values."""

    event: EventType
    key: str = ""
    among: tuple[str | float | bool, ...] = ()
    actors: tuple[Actor, ...] = (Actor.USER,)

    @cached_property
    def slot(self) -> int:
        """It follows from what is counted, not from a place in a list."""
        told = f"{self.event}|{self.key}|{self.among}|{self.actors}"
        return FIRST_SLOT + crc32(told.encode()) % SLOTS

    def said_by(self, event: Event) -> float | None:
        """1 for such an event."""
        if event.data.actor not in self.actors or event.type is not self.event:
            return None
        return 1.0 if not self.key or event.data.properties.get(self.key) in self.among else None


@dataclass(frozen=True)
class OverAct(Expression):
    """Of one act. `slot`, `series` and `reach` are found once: features are read with every score."""

    act: Kind | Act

    @property
    def over(self) -> tuple[Kind | Act, ...]:
        """See `Expression`."""
        return (self.act,)

    @cached_property
    def slot(self) -> int:
        """Of the act."""
        return self.act.slot

    @cached_property
    def window(self) -> Window:
        """The stretch of time that it looks at."""
        return Window.of(None)

    @cached_property
    def series(self) -> int:
        """Where the window's tiles are."""
        return series_of(self.slot, self.window.hop)

    @cached_property
    def reach(self) -> tuple[int, int]:
        """The window's hop, and its tiles before the present one."""
        return int(self.window.hop), self.window.back

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return self.window.edges

    def keeps(self) -> tuple[Keep, ...]:
        """The window's tiles, and when it was last done."""
        return Number(self.slot, self.window.hop, self.window.back), Latest(self.slot)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Acts within the window."""
        return self.slot in facts.kinds and self.window.holds(moment, at)

    def tiles(self, at: Reading) -> dict[int, int]:
        """What is known of the window's series."""
        return at.states[self.of].sums.get(self.series, _NONE)

    def where(self, condition: str) -> str:
        """The rows of such acts."""
        return f"FILTER (WHERE code = {self.slot} AND {condition})"


_NONE: dict[int, int] = {}


@dataclass(frozen=True)
class Count(OverAct):
    """How often it was done in the last `days` days; without them, ever."""

    days: int | None = None

    @cached_property
    def window(self) -> Window:
        """See `OverAct`."""
        return Window.of(self.days)

    def value(self, at: Reading) -> float:
        """The window's tiles together."""
        tiles = at.states[self.of].sums.get(self.series)
        if tiles is None:
            return 0.0
        hop, back = self.reach
        last = at.tiles[hop]
        first = last - back
        return float(sum([held for tile, held in tiles.items() if first <= tile <= last]))

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"count(*) {self.where(self.window.sql(at))}"


@dataclass(frozen=True)
class DaysWith(OverAct):
    """On how many of the last `days` calendar days it was done, today included: how regular it is."""

    days: int

    @cached_property
    def window(self) -> Window:
        """See `OverAct`."""
        return Window.calendar(self.days)

    def value(self, at: Reading) -> float:
        """The number of days."""
        hop, back = self.reach
        last = at.tiles[hop]
        first = last - back
        return float(len([day for day in self.tiles(at) if first <= day <= last]))

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"count(DISTINCT day) {self.where(self.window.sql(at))}"


@dataclass(frozen=True)
class Streak(DaysWith):
    """Days in a row with it, of at most `days`, up to today; a day that has only begun breaks no streak."""

    def value(self, at: Reading) -> float:
        """The number of days."""
        done, today = self.tiles(at), at.tiles[self.window.hop]
        day = today if today in done else today - 1
        first = day
        while day in done and today - day <= self.window.back:
            day -= 1
        return float(first - day)

    def sql(self, at: Reading) -> str:
        """The place of the first day without it."""
        today = at.tiles[self.window.hop]
        missed = [f"count(*) {self.where(f'day = {today - ago}')} = 0" for ago in range(self.days)]
        runs = []
        for start in (0, 1):
            steps = " ".join(f"WHEN {miss} THEN {place}" for place, miss in enumerate(missed[start:]))
            runs.append(f"CASE {steps} ELSE {self.days - start} END" if steps else "0")
        return f"CASE WHEN {missed[0]} THEN {runs[1]} ELSE {runs[0]} END"


@dataclass(frozen=True)
class Trend(OverAct):
    """This week against the mean of the `weeks` before it: 0.5 if nothing changed, 1 if it is new, 0 if it stopped.

    A week is seven calendar days. Missing if nothing was done in any of them.
    """

    weeks: int = 3

    @property
    def nullable(self) -> bool:
        """See `Expression`."""
        return True

    @cached_property
    def window(self) -> Window:
        """See `OverAct`."""
        return Window.calendar(7 * (self.weeks + 1))

    def value(self, at: Reading) -> float | None:
        """The share."""
        done, today = self.tiles(at), at.tiles[self.window.hop]
        now = self.weeks * between(done, today - 6, today)
        both = now + between(done, today - self.window.back, today - 7)
        return now / both if both else None

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        today = at.tiles[self.window.hop]
        now = f"{self.weeks} * count(*) {self.where(f'day BETWEEN {today - 6} AND {today}')}"
        before = f"count(*) {self.where(f'day BETWEEN {today - self.window.back} AND {today - 7}')}"
        return f"{now} / nullif({now} + {before}, 0)"


@dataclass(frozen=True)
class Since(OverAct):
    """Days since it was last done; missing if it never was."""

    @property
    def nullable(self) -> bool:
        """See `Expression`."""
        return True

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return "to the second"

    def keeps(self) -> tuple[Keep, ...]:
        """When it was last done."""
        return (Latest(self.slot),)

    def value(self, at: Reading) -> float | None:
        """The time in days, never negative."""
        newest = at.states[self.of].last.get(self.slot)
        return None if newest is None else self.of_seconds(max(0, at.moment // SECOND - newest // SECOND))

    def of_seconds(self, seconds: int) -> float:
        """The value that many seconds after the act."""
        return seconds / DAY_SECONDS

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        newest = f"max(second) {self.where('TRUE')}"
        return f"CASE WHEN {newest} IS NOT NULL THEN greatest({at.moment // SECOND} - {newest}, 0) / {DAY_SECONDS} END"

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """The newest act."""
        return self.slot in facts.kinds and moment == self.touched(at)


@dataclass(frozen=True)
class Recency(Since):
    """1 at the moment of the newest act, half of it `half_life` days later, a third after twice as long; 0 without."""

    half_life: int

    @property
    def nullable(self) -> bool:
        """See `Expression`."""
        return False

    def value(self, at: Reading) -> float:
        """The score."""
        return super().value(at) or 0.0

    def of_seconds(self, seconds: int) -> float:
        """See `Since`."""
        half = self.half_life * DAY_SECONDS
        return half / (half + seconds)

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        newest, half = f"max(second) {self.where('TRUE')}", self.half_life * DAY_SECONDS
        ago = f"greatest({at.moment // SECOND} - {newest}, 0)"
        return f"CASE WHEN {newest} IS NULL THEN 0 ELSE {half} / ({half} + {ago}) END"


@dataclass(frozen=True)
class Furthest(Expression):
    """The furthest step ever taken: 1 for the first of `steps`, 0 for none."""

    steps: tuple[Kind | Act, ...]

    @property
    def over(self) -> tuple[Kind | Act, ...]:
        """See `Expression`."""
        return self.steps

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return "since the first event"

    def keeps(self) -> tuple[Keep, ...]:
        """When each step was last taken."""
        return tuple(Latest(step.slot) for step in self.steps)

    def value(self, at: Reading) -> float:
        """The step's number."""
        taken = at.states[self.of].last
        return max((float(place) for place, step in enumerate(self.steps, 1) if step.slot in taken), default=0.0)

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        steps = " ".join(f"WHEN {step.slot} THEN {place}" for place, step in enumerate(self.steps, 1))
        return f"coalesce(max(CASE code {steps} END), 0)"

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Every step."""
        return any(step.slot in facts.kinds for step in self.steps)


@dataclass(frozen=True)
class ActivePeople(Expression):
    """People of the account with any act of their own in the last `days` days, hop one day."""

    days: int
    of: Entity = field(default=Entity.ACCOUNT, kw_only=True)

    def __post_init__(self) -> None:
        """Raises `ValueError` if it is not about the account."""
        if self.of is not Entity.ACCOUNT:
            raise ValueError("ActivePeople counts those of an account: leave `of` as it is")

    @cached_property
    def window(self) -> Window:
        """Days, however few: people are remembered by day."""
        return Window.calendar(self.days + 1)

    @property
    def over(self) -> tuple[Kind, ...]:
        """See `Expression`."""
        return (Kind.ACTIVE,)

    @property
    def edges(self) -> str:
        """See `Expression`."""
        return f"{self.days} d, from the start of the day, UTC (hop 1 d)"

    def keeps(self) -> tuple[Keep, ...]:
        """The people, and when any of them last did anything."""
        return People(Kind.ACTIVE.slot, self.window.back), Latest(Kind.ACTIVE.slot)

    def value(self, at: Reading) -> float:
        """Their number."""
        today = at.tiles[self.window.hop]
        first = today - self.window.back
        return float(len([day for day in at.people.values() if first <= day <= today]))

    def sql(self, at: Reading) -> str:
        """See `Expression`."""
        return f"count(DISTINCT person) FILTER (WHERE code = {Kind.ACTIVE.slot} AND {self.window.sql(at)})"

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Acts within the window."""
        return Kind.ACTIVE.slot in facts.kinds and self.window.holds(moment, at)


def between(tiles: dict[int, int], first: int, last: int) -> int:
    """What the tiles from `first` to `last` add up to."""
    return sum([held for tile, held in tiles.items() if first <= tile <= last])
