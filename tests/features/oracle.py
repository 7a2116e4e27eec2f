"""What the features are, counted the slow way from raw events, and a worker small enough to be believed.

The oracle knows no tiles, states or marks: it looks at every event for every feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from features import ideal_customer
from features.activity import Best, Facts, Item, Kind, Slot, facts_of
from features.definitions import LEAD_SCORING
from features.fold import absorb, fold_account, fold_lead, rename_person, trim_account, trim_lead
from features.state import AccountState, LeadState, decode_lead_state, encode_state
from ingestion.contracts.event import Event, LeadMerged
from tests.features.conftest import ACCOUNTS, History, followed

Features = dict[str, float | None]
Said = list[tuple[Event, Facts]]


def expected(history: History, as_of: datetime) -> dict[str, Features]:
    """Every lead's features as of a moment, by the id it has in the end."""
    leads = {history.final(event.lead) for event in history.events}
    return {lead: _features(history, lead, as_of.replace(microsecond=0)) for lead in leads}


def _features(history: History, lead: str, as_of: datetime) -> Features:
    account = ACCOUNTS[lead]
    told = [(event, facts_of(event)) for event in history.events]
    of_lead = [(event, facts) for event, facts in told if history.final(event.lead) == lead]
    of_account = [(event, facts) for event, facts in told if account is not None and event.account == account]
    week, month = _hours(as_of, 7), _days(as_of, 30)

    def count(kind: Kind, within: Callable[[datetime], bool] = lambda _: True) -> float:
        return float(sum(kind in facts.kinds and within(event.time) for event, facts in of_lead))

    company = [(event, facts) for event, facts in of_lead if event.account is None] + of_account
    industry, technologies = _newest(company, Slot.INDUSTRY), _newest(company, Slot.TECHNOLOGIES)
    active = [event.time for event, facts in of_lead if Kind.ACTIVE in facts.kinds]
    fortnight = {as_of.date() - timedelta(days=ago) for ago in range(14)}
    open_tickets = {name for name, value in _recent(of_lead, Item.TICKET_OPEN, as_of).items() if value == 1.0}
    priorities = _recent(of_lead, Item.TICKET_PRIORITY, as_of)
    people = {
        history.person(event.lead, account)
        for event, facts in of_account
        if Kind.ACTIVE in facts.kinds and month(event.time)
    }
    views = sum(Kind.PAGE_VIEW in facts.kinds and week(event.time) for event, facts in of_account)
    deals = _recent(of_account, Item.DEAL_OPEN, as_of).values()
    return {
        "page_views_7d": count(Kind.PAGE_VIEW, week),
        "pricing_visits_7d": count(Kind.PRICING_VISIT, week),
        "pricing_visits_30d": count(Kind.PRICING_VISIT, month),
        "content_downloads_30d": count(Kind.DOWNLOAD, month),
        "email_opens_30d": count(Kind.EMAIL_OPEN, month),
        "email_clicks_30d": count(Kind.EMAIL_CLICK, month),
        "form_submissions_30d": count(Kind.FORM, month),
        "form_submissions_ever": count(Kind.FORM),
        "days_since_last_activity": (as_of - max(active).replace(microsecond=0)) / timedelta(days=1)
        if active
        else None,
        "active_days_14d": float(len({moment.date() for moment in active} & fortnight)),
        "product_sessions_7d": count(Kind.SESSION, week),
        "product_sessions_30d": count(Kind.SESSION, month),
        "feature_uses_7d": count(Kind.FEATURE_USE, week),
        "feature_uses_30d": count(Kind.FEATURE_USE, month),
        "trial_state": 2.0 if count(Kind.TRIAL) else 1.0 if count(Kind.SIGN_UP) else 0.0,
        "open_tickets": float(len(open_tickets)),
        "tickets_30d": count(Kind.TICKET, month),
        "worst_ticket_priority": max((priorities[name] for name in open_tickets if name in priorities), default=0.0),
        "meetings_30d": count(Kind.MEETING, month),
        "calls_30d": count(Kind.CALL, month),
        "lifecycle_stage": _number(_newest(of_lead, Slot.STAGE)),
        "source_intent": _highest(of_lead, Best.SOURCE),
        "campaign_intent": _highest(of_lead, Best.CAMPAIGN),
        "seniority": _number(_newest(of_lead, Slot.SENIORITY)),
        "company_size": _number(_newest(company, Slot.COMPANY_SIZE)),
        "industry_match": None if industry is None else ideal_customer.industry_match(str(industry)),
        "technology_fit": None if technologies is None else ideal_customer.technology_fit(str(technologies)),
        "email_consent": _number(_newest(of_lead, Slot.CONSENT)),
        "account_active_people_30d": float(len(people)) if of_account else None,
        "account_page_views_7d": float(views) if of_account else None,
        "account_open_opportunities": float(sum(deals)) if of_account else None,
    }


def _hours(as_of: datetime, days: int) -> Callable[[datetime], bool]:
    hour = as_of.replace(minute=0, second=0)
    return lambda moment: hour - timedelta(days=days) <= moment < hour + timedelta(hours=1)


def _days(as_of: datetime, days: int) -> Callable[[datetime], bool]:
    return lambda moment: as_of.date() - timedelta(days=days) <= moment.date() <= as_of.date()


def _newest(told: Said, slot: Slot) -> float | str | None:
    stated = [
        (event.time, event.id, value)
        for event, facts in told
        for code, value in facts.values + facts.company
        if code == slot
    ]
    return max(stated)[2] if stated else None


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)


def _highest(told: Said, which: Best) -> float | None:
    return max((weight for _, facts in told for code, weight in facts.best if code == which), default=None)


def _recent(told: Said, item: Item, as_of: datetime) -> dict[str, float]:
    """The newest value of each object, if it was said in the last 90 days."""
    newest: dict[str, tuple[datetime, str, float]] = {}
    for event, facts in told:
        for code, name, value in facts.items:
            if code == item:
                newest[name] = max(newest.get(name, (event.time, event.id, value)), (event.time, event.id, value))
    first = as_of.date() - timedelta(days=90)
    return {name: value for name, (moment, _, value) in newest.items() if moment.date() >= first}


class Worker:
    """Folds records as they come: one worker that owns every partition."""

    def __init__(self, *, trims: bool = True) -> None:
        self.leads: dict[str, LeadState] = {}
        self.accounts: dict[str, AccountState] = {}
        self.forwards: dict[str, str] = {}
        self._trims = trims

    def handle(self, records: Iterable[Event | LeadMerged]) -> None:
        """Fold the records in order."""
        for record in records:
            if isinstance(record, Event):
                self._event(record)
            else:
                self._merge(record)
            if self._trims:
                for lead in self.leads.values():
                    trim_lead(lead)
                for account in self.accounts.values():
                    trim_account(account)

    def served(self, as_of: datetime) -> dict[str, Features]:
        """The features of every lead that has not been absorbed."""
        return {
            lead: LEAD_SCORING.features_at(state, self.accounts.get(ACCOUNTS[lead] or ""), as_of)
            for lead, state in self.leads.items()
            if lead not in self.forwards
        }

    def _event(self, event: Event) -> None:
        facts = facts_of(event)
        if event.account is not None:
            person = followed(self.forwards, event.lead, within=event.account)
            fold_account(
                self.accounts.setdefault(event.account, AccountState()), event, facts, person, LEAD_SCORING.kept
            )
        holder = followed(self.forwards, event.lead)
        fold_lead(self.leads.setdefault(holder, LeadState()), event, facts, LEAD_SCORING.kept)

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
