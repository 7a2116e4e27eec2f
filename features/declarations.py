"""The kinds of declarations: what a feature counts or remembers, over which window, in which unit and range.

Invariant: a value is a pure function of the states and the moment.

A window of length W with hop h read at t covers the tiles from `floor(t, h) − W` up to t, so it is at most one hop
longer than W. The hop is one hour up to 14 days and one day above (ADR 2). Moments count in whole seconds, because
Feast's online request data does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from features.activity import Best, Facts, Item, Kind, Slot
from features.clock import DAY, HOUR, SECOND, micros
from features.state import ITEM_DAYS, AccountState, LeadState, Stamped
from ingestion.contracts.event import Event, EventType

NO_LEAD = LeadState()
FIRST_PROPERTY, PROPERTY_SLOTS = 1_000, 1 << 30  # of a state's values; the slots of the vocabulary are far below


@dataclass(frozen=True, slots=True)
class Reading:
    """The states at a moment, as declarations look at them."""

    lead: LeadState
    account: AccountState | None
    moment: int  # µs, whole seconds
    hour: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A declaration. `minimum` and `maximum` are what the value may be; a nullable one may be missing."""

    name: str
    description: str
    unit: str = "count"
    minimum: float = 0.0
    maximum: float | None = None
    nullable: bool = False

    def value(self, at: Reading) -> float | None:
        """The feature's value, None if it is missing."""
        raise NotImplementedError

    def touched(self, at: Reading) -> int:
        """µs of the event that last moved what the value is made of; 0 if none did."""
        raise NotImplementedError

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Whether an event of that moment (µs) with these facts has a part in the value: for tracing it."""
        raise NotImplementedError

    @property
    def of_account(self) -> bool:
        """Whether it is read from the account's state."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours(Feature):
    """Acts of one kind in the last `days` days, hop one hour."""

    kind: Kind
    days: int

    def value(self, at: Reading) -> float | None:
        """The sum of the window's tiles."""
        return since(at.lead.hours.get(self.kind), at.hour - 24 * self.days, at.hour)

    def touched(self, at: Reading) -> int:
        """When the lead last did it."""
        return at.lead.last.get(self.kind, 0)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Acts of the kind within the window."""
        return self.kind in facts.kinds and at.hour - 24 * self.days <= moment // HOUR <= at.hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Days(Feature):
    """Acts of one kind in the last `days` days, hop one day."""

    kind: Kind
    days: int

    def value(self, at: Reading) -> float | None:
        """The sum of the window's tiles."""
        return since(at.lead.days.get(self.kind), at.day - self.days, at.day)

    def touched(self, at: Reading) -> int:
        """When the lead last did it."""
        return at.lead.last.get(self.kind, 0)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Acts of the kind within the window."""
        return self.kind in facts.kinds and at.day - self.days <= moment // DAY <= at.day


@dataclass(frozen=True, slots=True, kw_only=True)
class Ever(Feature):
    """Acts of one kind since the first event."""

    kind: Kind

    def value(self, at: Reading) -> float | None:
        """The count."""
        return float(at.lead.ever.get(self.kind, 0))

    def touched(self, at: Reading) -> int:
        """When the lead last did it."""
        return at.lead.last.get(self.kind, 0)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Acts of the kind."""
        return self.kind in facts.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctDays(Feature):
    """Calendar days (UTC) with an act among the last `days`, today included."""

    kind: Kind
    days: int

    def value(self, at: Reading) -> float | None:
        """The number of days."""
        tiles = at.lead.days.get(self.kind)
        return float(sum(at.day - self.days < day <= at.day for day in tiles)) if tiles else 0.0

    def touched(self, at: Reading) -> int:
        """When the lead last did it."""
        return at.lead.last.get(self.kind, 0)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Acts of the kind within the window."""
        return self.kind in facts.kinds and at.day - self.days < moment // DAY <= at.day


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysSince(Feature):
    """Days since the newest act of one kind; missing if there was none."""

    kind: Kind

    def value(self, at: Reading) -> float | None:
        """The time in days, never negative."""
        newest = at.lead.last.get(self.kind)
        return None if newest is None else max(0, at.moment - newest // SECOND * SECOND) / DAY

    def touched(self, at: Reading) -> int:
        """When the lead last did it."""
        return at.lead.last.get(self.kind, 0)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """The newest act of the kind."""
        return self.kind in facts.kinds and moment == self.touched(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Feature):
    """How far a lead went with the product."""

    def value(self, at: Reading) -> float | None:
        """2 if a trial was started, 1 if it only signed up."""
        ever = at.lead.ever
        return 2.0 if ever.get(Kind.TRIAL) else 1.0 if ever.get(Kind.SIGN_UP) else 0.0

    def touched(self, at: Reading) -> int:
        """When the lead last signed up or started a trial."""
        return max(at.lead.last.get(Kind.TRIAL, 0), at.lead.last.get(Kind.SIGN_UP, 0))

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Sign-ups and trials."""
        return Kind.TRIAL in facts.kinds or Kind.SIGN_UP in facts.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest(Feature):
    """The newest value of a slot; missing if nobody ever said it."""

    slot: Slot

    def value(self, at: Reading) -> float | None:
        """The value."""
        stamped = at.lead.values.get(self.slot)
        return None if stamped is None else float(stamped[2])

    def touched(self, at: Reading) -> int:
        """When it was said."""
        return at.lead.values[self.slot][0] if self.slot in at.lead.values else 0

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """What said it last."""
        return any(slot == self.slot for slot, _ in facts.values) and moment == self.touched(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Property(Feature):
    """The newest value of a property that events of one type carry, for what the vocabulary has no word for.

    Words count as their place in `words`; any other word is missing. `otherwise` stands where nobody ever said it.
    """

    event: EventType
    key: str
    words: tuple[str, ...] = ()
    otherwise: float | None = None

    @property
    def slot(self) -> int:
        """Under which the state keeps the value: it follows from what is kept, not from its place in a list."""
        return FIRST_PROPERTY + crc32(f"{self.event}.{self.key}".encode()) % PROPERTY_SLOTS

    def said_by(self, event: Event) -> float | str | None:
        """What an event of its type says."""
        value = event.data.properties.get(self.key)
        if isinstance(value, str):
            return value if self.words else None
        return float(value) if isinstance(value, int | float) else None

    def number(self, value: float | str) -> float | None:
        """The value as a number."""
        if isinstance(value, str):
            return float(self.words.index(value)) if value in self.words else None
        return None if self.words else value

    def value(self, at: Reading) -> float | None:
        """The newest value's number."""
        stamped = at.lead.values.get(self.slot)
        return self.otherwise if stamped is None else self.number(stamped[2])

    def touched(self, at: Reading) -> int:
        """When it was said."""
        return at.lead.values[self.slot][0] if self.slot in at.lead.values else 0

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """What said it last."""
        return any(slot == self.slot for slot, _ in facts.values) and moment == self.touched(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company(Feature):
    """The newest value of a company slot, said of the account or, without one, of the lead; mapped to a number."""

    slot: Slot
    number: Callable[[str], float] = float

    def value(self, at: Reading) -> float | None:
        """The value's number."""
        said = self._said(at)
        return self.number(str(max(said, key=lambda each: each[:2])[2])) if said else None

    def _said(self, at: Reading) -> list[Stamped]:
        return [state.values[self.slot] for state in (at.lead, at.account) if state and self.slot in state.values]

    def touched(self, at: Reading) -> int:
        """When it was said."""
        return max((said[0] for said in self._said(at)), default=0)

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """What said it last."""
        return any(slot == self.slot for slot, _ in facts.company) and moment == self.touched(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Highest(Feature):
    """The highest weight ever seen; missing if there was none."""

    of: Best

    def value(self, at: Reading) -> float | None:
        """The weight."""
        return at.lead.best.get(self.of)

    def touched(self, at: Reading) -> int:
        """Weights carry no time: the lead's newest event stands for it."""
        return at.lead.newest if self.of in at.lead.best else 0

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Everything with a weight of its kind."""
        return any(slot == self.of for slot, _ in facts.best)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTickets(Feature):
    """Tickets that are open and were touched in the last 90 days."""

    def value(self, at: Reading) -> float | None:
        """Their number."""
        return float(len(open_items(at.lead.items.get(Item.TICKET_OPEN), at.day)))

    def touched(self, at: Reading) -> int:
        """When a ticket was last opened or closed."""
        return newest(at.lead.items.get(Item.TICKET_OPEN))

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Openings and closings of tickets."""
        return any(item == Item.TICKET_OPEN for item, _, _ in facts.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstPriority(Feature):
    """The highest priority among open tickets."""

    def value(self, at: Reading) -> float | None:
        """The rank of a priority said in the last 90 days, 0 without an open ticket."""
        oldest = at.day - ITEM_DAYS  # as `trim_lead` forgets them
        said = at.lead.items.get(Item.TICKET_PRIORITY, {})
        priorities = {thing: float(rank) for thing, (when, _, rank) in said.items() if when // DAY >= oldest}
        return max(
            (priorities.get(ticket, 0.0) for ticket in open_items(at.lead.items.get(Item.TICKET_OPEN), at.day)),
            default=0.0,
        )

    def touched(self, at: Reading) -> int:
        """When a ticket's priority was last set."""
        return newest(at.lead.items.get(Item.TICKET_PRIORITY))

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Priorities of tickets."""
        return any(item == Item.TICKET_PRIORITY for item, _, _ in facts.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfAccount(Feature):
    """Read from the account; missing without one."""

    read: Callable[[AccountState, Reading], float]
    part: Callable[[Facts], bool]
    days: int

    def value(self, at: Reading) -> float | None:
        """What `read` says."""
        return None if at.account is None else self.read(at.account, at)

    @property
    def of_account(self) -> bool:
        """True."""
        return True

    def touched(self, at: Reading) -> int:
        """When anything last happened at the account."""
        return 0 if at.account is None else at.account.newest

    def rests_on(self, facts: Facts, moment: int, at: Reading) -> bool:
        """Events of the account that `part` names, within the window's days."""
        return self.part(facts) and at.day - self.days <= moment // DAY <= at.day


def reading_at(lead: LeadState | None, account: AccountState | None, as_of: datetime) -> Reading:
    """The states as declarations look at them at that moment."""
    moment = micros(as_of) // SECOND * SECOND
    return Reading(lead or NO_LEAD, account, moment, moment // HOUR, moment // DAY)


def since(tiles: dict[int, int] | None, first: int, last: int) -> float:
    """What the tiles from `first` to `last` count."""
    return float(sum([count for tile, count in tiles.items() if first <= tile <= last])) if tiles else 0.0


def newest(items: dict[str, Stamped] | None) -> int:
    """µs of the newest statement about any of the items; 0 if there is none."""
    return max((at for at, _, _ in items.values()), default=0) if items else 0


def open_items(items: dict[str, Stamped] | None, day: int) -> list[str]:
    """Items that are open and were touched in the last 90 days."""
    if not items:
        return []
    return [thing for thing, (at, _, is_open) in items.items() if is_open == 1.0 and at // DAY >= day - ITEM_DAYS]
