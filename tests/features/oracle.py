"""What the features are, counted the slow way from raw events, and a worker small enough to be believed.

The oracle knows no tiles, states or marks: it looks at every event for every feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from features.activity import Facts, Item, Kind
from features.definitions import LEAD_SCORING
from features.feature_set import FeatureSet
from features.fold import absorb, fold_account, fold_lead, rename_person, trim_account, trim_lead
from features.language import (
    ActivePeople,
    Count,
    DaysWith,
    Distinct,
    Entity,
    Expression,
    First,
    Furthest,
    Last,
    Max,
    Min,
    Open,
    OpenHighest,
    OpenSum,
    Ratio,
    Recency,
    Said,
    Since,
    Streak,
    Sum,
    Trend,
)
from features.priority import rank_of
from features.state import AccountState, LeadState, decode_lead_state, encode_state, tie
from ingestion.contracts.event import Event, LeadMerged
from tests.features.conftest import ACCOUNTS, History, followed

Features = dict[str, float | None]
Within = Callable[[datetime], bool]
DAY = timedelta(days=1)


def expected(history: History, as_of: datetime, features: FeatureSet = LEAD_SCORING) -> dict[str, Features]:
    """Every lead's features as of a moment, by the id it has in the end."""
    leads = {history.final(event.lead) for event in history.events}
    moment = as_of.replace(microsecond=0)
    found = {}
    for lead in leads:
        told = Told.of(history, lead, moment, features)
        found[lead] = {each.name: meant(each.expression, told) for each in features.features}
    return found


@dataclass(frozen=True)
class Told:
    """Everything that was said of a lead and its account, and the moment of asking."""

    said: dict[Entity, list[tuple[Event, Facts]]]
    person: Callable[[Event], str]
    as_of: datetime

    @classmethod
    def of(cls, history: History, lead: str, as_of: datetime, features: FeatureSet) -> Told:
        """Of a lead by the id it has in the end."""
        account = ACCOUNTS[lead]
        told = [(event, features.facts_of(event)) for event in history.events]
        own = [(event, facts) for event, facts in told if history.final(event.lead) == lead]
        theirs = [(event, facts) for event, facts in told if account is not None and event.account == account]
        said = {Entity.LEAD: own, Entity.ACCOUNT: theirs}
        said[Entity.COMPANY] = [each for each in own if each[0].account is None] + theirs
        return cls(said, lambda event: history.person(event.lead, account), as_of)

    def acts(self, of: Entity, act: Said) -> list[Event]:
        """The events that are such an act."""
        return [event for event, facts in self.said[of] if act.slot in facts.kinds]

    def values(self, of: Entity, what: Said) -> list[tuple[datetime, int, float | str, int]]:
        """What was said of it, each with moment, tie and how far its source is believed."""
        found = []
        for event, facts in self.said[of]:
            values = () if of is Entity.COMPANY else facts.values
            if of is not Entity.LEAD or event.account is None:
                values += facts.company
            trust = rank_of(what.slot, event.source.split("/")[3])
            found += [(event.time, tie(event.id), value, trust) for slot, value in values if slot == what.slot]
        return found

    def within(self, days: int | None) -> Within:
        """A window by the stated edges."""
        if days is None:
            return lambda _: True
        if days <= 14:
            hour = self.as_of.replace(minute=0, second=0)
            return lambda moment: hour - days * DAY <= moment < hour + timedelta(hours=1)
        return lambda moment: self.as_of.date() - days * DAY <= moment.date() <= self.as_of.date()

    def ago(self, moment: datetime) -> int:
        """Calendar days since then."""
        return (self.as_of.date() - moment.date()).days

    def items(self, of: Entity, item: Item) -> dict[str, float]:
        """The newest value of each thing, if it was said in the last 90 days."""
        newest: dict[str, tuple[datetime, int, float]] = {}
        for event, facts in self.said[of]:
            for code, name, value in facts.items:
                if code == item:
                    told = (event.time, tie(event.id), value)
                    newest[name] = max(newest.get(name, told), told)
        return {name: value for name, (moment, _, value) in newest.items() if self.ago(moment) <= 90}


def meant(expression: Expression, told: Told) -> float | None:
    """What an expression means."""
    if expression.of is Entity.ACCOUNT and not told.said[Entity.ACCOUNT]:
        return None
    match expression:
        case Ratio(top=top, bottom=bottom):
            over, under = meant(top, told), meant(bottom, told) if isinstance(bottom, Expression) else bottom
            return None if over is None or not under else over / under
        case Open():
            return _open(expression, told)
        case ActivePeople(days=days):
            month = told.within(max(days, 15))  # by day, however short
            assert days >= 15
            acts = told.acts(Entity.ACCOUNT, Kind.ACTIVE)
            return float(len({told.person(event) for event in acts if month(event.time)}))
        case Furthest(steps=steps, of=of):
            return float(max((n for n, step in enumerate(steps, 1) if told.acts(of, step)), default=0))
        case First() | Last():
            return _stated(expression, told)
        case Sum() | Min() | Max() | Distinct():
            return _in_window(expression, told)
    return _of_acts(expression, told)


def _of_acts(expression: Expression, told: Told) -> float | None:
    moments = [event.time for said in expression.over for event in told.acts(expression.of, said)]
    days = {told.ago(moment) for moment in moments}
    match expression:
        case Count(days=window):
            return float(sum(map(told.within(window), moments)))
        case Streak(days=most):
            start = 0 if 0 in days else 1
            return float(next(ago for ago in range(start, most + 1) if ago not in days or ago == most) - start)
        case DaysWith(days=window):
            return float(sum(ago < window for ago in days))
        case Trend(weeks=weeks):
            now = sum(told.ago(moment) < 7 for moment in moments)
            before = sum(7 <= told.ago(moment) < 7 * (weeks + 1) for moment in moments)
            return weeks * now / (weeks * now + before) if now + before else None
        case Recency(half_life=half):
            if not moments:
                return 0.0
            gone = told.as_of - max(moments).replace(microsecond=0)
            return (half * DAY) / (half * DAY + gone)
        case Since():
            return (told.as_of - max(moments).replace(microsecond=0)) / DAY if moments else None
    raise TypeError(f"{type(expression).__name__} has no oracle; say what it means in tests.features.oracle")


def _in_window(expression: Sum | Min | Max | Distinct, told: Told) -> float | None:
    within = told.within(expression.days)
    values = [value for moment, _, value, _ in told.values(expression.of, expression.what) if within(moment)]
    numbers = [value for value in values if not isinstance(value, str)]
    match expression:
        case Distinct(cap=cap):
            return float(min(cap, len(set(values))))
        case Sum():
            return sum(round(number * 1000) for number in numbers) / 1000
        case Min():
            return min(numbers, default=None)
    return max(numbers, default=None)


def _stated(expression: Last, told: Told) -> float | None:
    stated = told.values(expression.of, expression.what)
    if not stated:
        return expression.otherwise
    best = min(stated) if isinstance(expression, First) else max(stated, key=lambda each: (each[3], *each[:2]))
    value = best[2]
    if not isinstance(value, str):
        return float(value)
    if expression.number is not None:
        return expression.number(value)
    words: tuple[str, ...] = getattr(expression.what, "words", ())
    return float(words.index(value)) if value in words else None


def _open(expression: Open, told: Told) -> float:
    things = {name for name, value in told.items(expression.of, expression.item).items() if value == 1.0}
    if not isinstance(expression, OpenHighest):
        return float(len(things))
    said = told.items(expression.of, expression.number)
    numbers = [said[name] for name in things if name in said]
    if isinstance(expression, OpenSum):
        return sum(round(number * 1000) for number in numbers) / 1000
    return max([0.0, *numbers])


class Worker:
    """Folds records as they come: one worker that owns every partition."""

    def __init__(self, *, trims: bool = True, features: FeatureSet = LEAD_SCORING) -> None:
        self.leads: dict[str, LeadState] = {}
        self.accounts: dict[str, AccountState] = {}
        self.forwards: dict[str, str] = {}
        self._trims = trims
        self._features = features

    def handle(self, records: Iterable[Event | LeadMerged]) -> None:
        """Fold the records in order."""
        for record in records:
            if isinstance(record, Event):
                self._event(record)
            else:
                self._merge(record)
            if self._trims:
                for lead in self.leads.values():
                    trim_lead(lead, self._features.kept)
                for account in self.accounts.values():
                    trim_account(account, self._features.kept)

    def served(self, as_of: datetime) -> dict[str, Features]:
        """The features of every lead that has not been absorbed."""
        return {
            lead: self._features.features_at(state, self.accounts.get(ACCOUNTS[lead] or ""), as_of)
            for lead, state in self.leads.items()
            if lead not in self.forwards
        }

    def _event(self, event: Event) -> None:
        facts = self._features.facts_of(event)
        if event.account is not None:
            person = followed(self.forwards, event.lead, within=event.account)
            account = self.accounts.setdefault(event.account, AccountState())
            fold_account(account, event, facts, person, self._features.kept)
        holder = followed(self.forwards, event.lead)
        fold_lead(self.leads.setdefault(holder, LeadState()), event, facts, self._features.kept)

    def _merge(self, merge: LeadMerged) -> None:
        if merge.absorbed in self.forwards:
            return
        self.forwards[merge.absorbed] = merge.survivor
        account = ACCOUNTS[merge.absorbed]
        if account is not None:
            # The survivor may have become somebody else before this merge was heard of.
            known = msgspec.structs.replace(merge, survivor=followed(self.forwards, merge.absorbed, within=account))
            rename_person(self.accounts[account], account, known)
        if (absorbed := self.leads.get(merge.absorbed)) is not None:
            survivor = self.leads.setdefault(followed(self.forwards, merge.survivor), LeadState())
            state = encode_state(absorbed)
            absorb(survivor, decode_lead_state(state))
