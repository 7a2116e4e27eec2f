"""Every feature, declared once: what is counted, over which window, in which unit and range.

Invariant: `features_at` is a pure function of the states and the moment. A new feature is one entry of `FEATURES`;
the feature hash changes with any declaration, so that a model never meets features it was not trained on.

A window of length W with hop h read at t covers the tiles from `floor(t, h) − W` up to t, so it is at most one hop
longer than W. The hop is one hour up to 14 days and one day above (ADR 2). Moments count in whole seconds, because
Feast's online request data does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from features import ideal_customer, vocabulary
from features.activity import Best, Facts, Item, Kind, Slot
from features.clock import DAY, HOUR, SECOND, micros
from features.state import ITEM_DAYS, AccountState, LeadState, Stamped

FEATURE_SERVICE = "lead_scoring_v1"
REVISION = 1  # raised with every change of what the code that reads, folds or computes means
NO_LEAD = LeadState()


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
        return _since(at.lead.hours.get(self.kind), at.hour - 24 * self.days, at.hour)

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
        return _since(at.lead.days.get(self.kind), at.day - self.days, at.day)

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
        return float(len(_open_items(at.lead.items.get(Item.TICKET_OPEN), at.day)))

    def touched(self, at: Reading) -> int:
        """When a ticket was last opened or closed."""
        return _newest(at.lead.items.get(Item.TICKET_OPEN))

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
            (priorities.get(ticket, 0.0) for ticket in _open_items(at.lead.items.get(Item.TICKET_OPEN), at.day)),
            default=0.0,
        )

    def touched(self, at: Reading) -> int:
        """When a ticket's priority was last set."""
        return _newest(at.lead.items.get(Item.TICKET_PRIORITY))

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


def _active_people(account: AccountState, at: Reading) -> float:
    return float(sum(at.day - 30 <= day <= at.day for day in account.people.values()))


def _account_page_views(account: AccountState, at: Reading) -> float:
    return _since(account.hours.get(Kind.PAGE_VIEW), at.hour - 24 * 7, at.hour)


def _open_opportunities(account: AccountState, at: Reading) -> float:
    return float(len(_open_items(account.items.get(Item.DEAL_OPEN), at.day)))


def _is_act(facts: Facts) -> bool:
    return Kind.ACTIVE in facts.kinds


def _is_page_view(facts: Facts) -> bool:
    return Kind.PAGE_VIEW in facts.kinds


def _is_deal(facts: Facts) -> bool:
    return any(item == Item.DEAL_OPEN for item, _, _ in facts.items)


def _since(tiles: dict[int, int] | None, first: int, last: int) -> float:
    return float(sum([count for tile, count in tiles.items() if first <= tile <= last])) if tiles else 0.0


def _newest(items: dict[str, Stamped] | None) -> int:
    return max((at for at, _, _ in items.values()), default=0) if items else 0


def _open_items(items: dict[str, Stamped] | None, day: int) -> list[str]:
    if not items:
        return []
    return [thing for thing, (at, _, is_open) in items.items() if is_open == 1.0 and at // DAY >= day - ITEM_DAYS]


FEATURES: tuple[Feature, ...] = (
    Hours(name="page_views_7d", description="Page views in 7 days", kind=Kind.PAGE_VIEW, days=7),
    Hours(name="pricing_visits_7d", description="Visits of pricing pages in 7 days", kind=Kind.PRICING_VISIT, days=7),
    Days(name="pricing_visits_30d", description="Visits of pricing pages in 30 days", kind=Kind.PRICING_VISIT, days=30),
    Days(name="content_downloads_30d", description="Downloads in 30 days", kind=Kind.DOWNLOAD, days=30),
    Days(name="email_opens_30d", description="E-mails opened in 30 days", kind=Kind.EMAIL_OPEN, days=30),
    Days(name="email_clicks_30d", description="Links clicked in e-mails in 30 days", kind=Kind.EMAIL_CLICK, days=30),
    Days(name="form_submissions_30d", description="Forms submitted in 30 days", kind=Kind.FORM, days=30),
    Ever(name="form_submissions_ever", description="Forms submitted so far", kind=Kind.FORM),
    DaysSince(
        name="days_since_last_activity", description="Since the last act", unit="days", kind=Kind.ACTIVE, nullable=True
    ),
    DistinctDays(name="active_days_14d", description="Days with an act, of 14", kind=Kind.ACTIVE, days=14, maximum=14),
    Hours(name="product_sessions_7d", description="Product sessions in 7 days", kind=Kind.SESSION, days=7),
    Days(name="product_sessions_30d", description="Product sessions in 30 days", kind=Kind.SESSION, days=30),
    Hours(name="feature_uses_7d", description="Uses of product features in 7 days", kind=Kind.FEATURE_USE, days=7),
    Days(name="feature_uses_30d", description="Uses of product features in 30 days", kind=Kind.FEATURE_USE, days=30),
    Trial(name="trial_state", description="0 none, 1 signed up, 2 trial started", unit="rank", maximum=2),
    OpenTickets(name="open_tickets", description="Open support tickets"),
    Days(name="tickets_30d", description="Support tickets raised in 30 days", kind=Kind.TICKET, days=30),
    WorstPriority(
        name="worst_ticket_priority", description="Of open tickets: 0 none, 1 low to 4 urgent", unit="rank", maximum=4
    ),
    Days(name="meetings_30d", description="Meetings in 30 days", kind=Kind.MEETING, days=30),
    Days(name="calls_30d", description="Calls in 30 days", kind=Kind.CALL, days=30),
    Newest(
        name="lifecycle_stage",
        description="1 subscriber to 7 evangelist",
        unit="rank",
        slot=Slot.STAGE,
        maximum=7,
        nullable=True,
    ),
    Highest(
        name="source_intent",
        description="Intent of the best lead source seen, 1 to 5",
        unit="weight",
        of=Best.SOURCE,
        maximum=5,
        nullable=True,
    ),
    Highest(
        name="campaign_intent",
        description="Intent of the best campaign seen, 1 to 5",
        unit="weight",
        of=Best.CAMPAIGN,
        maximum=5,
        nullable=True,
    ),
    Newest(
        name="seniority",
        description="Of the job title, 1 individual to 5 chief officer",
        unit="rank",
        slot=Slot.SENIORITY,
        maximum=5,
        nullable=True,
    ),
    Company(
        name="company_size",
        description="Bucket of the head count, 1 to 6",
        unit="rank",
        slot=Slot.COMPANY_SIZE,
        maximum=6,
        nullable=True,
    ),
    Company(
        name="industry_match",
        description="1 if the firm sells to this industry",
        unit="flag",
        slot=Slot.INDUSTRY,
        number=ideal_customer.industry_match,
        maximum=1,
        nullable=True,
    ),
    Company(
        name="technology_fit",
        description="Share of the wanted technologies in use",
        unit="share",
        slot=Slot.TECHNOLOGIES,
        number=ideal_customer.technology_fit,
        maximum=1,
        nullable=True,
    ),
    Newest(
        name="email_consent",
        description="1 granted, 0 withdrawn",
        unit="flag",
        slot=Slot.CONSENT,
        maximum=1,
        nullable=True,
    ),
    OfAccount(
        name="account_active_people_30d",
        description="People of the account with an act in 30 days",
        read=_active_people,
        part=_is_act,
        days=30,
        nullable=True,
    ),
    OfAccount(
        name="account_page_views_7d",
        description="Page views at the account in 7 days",
        read=_account_page_views,
        part=_is_page_view,
        days=7,
        nullable=True,
    ),
    OfAccount(
        name="account_open_opportunities",
        description="Deals in the pipeline",
        read=_open_opportunities,
        part=_is_deal,
        days=ITEM_DAYS,
        nullable=True,
    ),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)

# What the fold must keep follows from what is declared.
HOUR_KINDS = frozenset({int(each.kind) for each in FEATURES if isinstance(each, Hours)} | {int(Kind.PAGE_VIEW)})
DAY_KINDS = frozenset(int(each.kind) for each in FEATURES if isinstance(each, Days | DistinctDays))
EVER_KINDS = frozenset({int(each.kind) for each in FEATURES if isinstance(each, Ever)} | {Kind.TRIAL, Kind.SIGN_UP})


def feature_hash() -> str:
    """SHA-256 of what decides the features' values: declarations, vocabulary, ideal customer and `REVISION`.

    Code has no hash that survives a reformatting: who changes what the code means raises `REVISION`.
    """
    words = [str(REVISION)]
    for feature in FEATURES:
        words.append(f"{type(feature).__name__}:{_declared(feature)}")
    for module in (ideal_customer, vocabulary):
        words += [f"{name}={_plain(table)}" for name, table in sorted(vars(module).items()) if name.isupper()]
    return sha256("\n".join(words).encode()).hexdigest()


def _declared(feature: Feature) -> str:
    return repr([(name, _plain(getattr(feature, name))) for name in feature.__dataclass_fields__])


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return repr(sorted((str(key), item) for key, item in value.items()))
    if isinstance(value, frozenset):
        return repr(sorted(map(str, value)))
    return str(getattr(value, "__qualname__", None) or repr(value))


def features_at(lead: LeadState | None, account: AccountState | None, as_of: datetime) -> dict[str, float | None]:
    """Every feature by name as of an aware moment, in whole seconds. About 20 µs."""
    at = reading_at(lead, account, as_of)
    return {feature.name: feature.value(at) for feature in FEATURES}


def ages_at(lead: LeadState | None, account: AccountState | None, as_of: datetime) -> dict[str, float | None]:
    """Seconds since the event that last moved each feature; None where none did."""
    at = reading_at(lead, account, as_of)
    touched = {feature.name: feature.touched(at) for feature in FEATURES}
    return {name: max(0, at.moment - moment) / SECOND if moment else None for name, moment in touched.items()}


def reading_at(lead: LeadState | None, account: AccountState | None, as_of: datetime) -> Reading:
    """The states as declarations look at them at that moment."""
    moment = micros(as_of) // SECOND * SECOND
    return Reading(lead or NO_LEAD, account, moment, moment // HOUR, moment // DAY)
