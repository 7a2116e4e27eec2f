"""Platforms, and generated histories: what several raw partitions hold about a few leads that become one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from ingestion.contracts.event import (
    Actor,
    Campaign,
    Change,
    Channel,
    Consent,
    Event,
    EventData,
    EventType,
    LeadMerged,
    ObjectRef,
    RawPointer,
)
from tests.features.platforms import NewPlatform, applied

NOW = datetime(2026, 11, 21, 10, 30, 15, tzinfo=UTC)
STREAMS = (("raw.crm", 0), ("raw.product", 0), ("raw.product", 1))
SYSTEMS = {"raw.crm": "hubspot", "raw.product": "segment", "raw.support": "zendesk", "raw.marketing": "sendgrid"}
ACME, GLOBEX = "ac_acme", "ac_globex"
# An id's account never changes. A lead may become any later one: leave an account, and even come back.
ACCOUNTS: dict[str, str | None] = {
    "ld_0": None,
    "ld_1": None,
    "ld_2": ACME,
    "ld_3": ACME,
    "ld_4": GLOBEX,
    "ld_5": ACME,
    "ld_6": GLOBEX,
}
LEADS = tuple(ACCOUNTS)


@pytest.fixture
def new_platform(tmp_path: Path) -> NewPlatform:
    """Makes a platform with empty stores, as often as it is asked."""
    numbers = count()
    return lambda: applied(tmp_path / str(next(numbers)))


Said = dict[str, Any]  # fields of EventData, and the event's type


def said(kind: EventType, actor: Actor = Actor.USER, **data: Any) -> Said:
    """What an event says."""
    return {"type": kind, "actor": actor, "channel": Channel.WEB} | data


def page(path: str = "/blog", **data: Any) -> Said:
    """A page view."""
    return said(EventType.WEB_PAGE_VIEWED, properties={"path": path}, **data)


def ticket(kind: EventType, name: str, **properties: str) -> Said:
    """Something about a support ticket."""
    return said(kind, object=ObjectRef("ticket", name), properties=properties)


def deal(name: str, stage: str) -> Said:
    """A deal that moved to a stage."""
    return said(
        EventType.CRM_STAGE_CHANGED,
        Actor.STAFF,
        object=ObjectRef("deal", name),
        change=(Change("dealstage", stage),),
    )


def record(**properties: object) -> Said:
    """A CRM record as staff sees it."""
    return said(EventType.CONTACT_CHANGED, Actor.STAFF, properties=properties)


SILENT: tuple[Said, ...] = (  # nothing of this may show in a feature
    page(actor=Actor.BOT),
    page("/pricing", test=True),
    said(
        EventType.CONTACT_CHANGED,
        Actor.AUTOMATION,
        properties={"own_write_back": True, "lifecyclestage": "customer", "numberofemployees": 9000},
    ),
    said(EventType.IDENTITY_LINK, Actor.AUTOMATION),
    said(EventType.EMAIL_DELIVERED, Actor.AUTOMATION),
)
SPOKEN: tuple[Said, ...] = (
    page(),
    page("/en/pricing"),
    page(campaign=Campaign(source="google", medium="cpc")),
    said(EventType.WEB_CONTENT_DOWNLOADED),
    said(EventType.LEAD_FORM_SUBMITTED),
    said(EventType.LEAD_FORM_SUBMITTED, properties={"lead_source": "Referral", "jobtitle": "VP Sales"}),
    said(EventType.EMAIL_OPENED),
    said(EventType.EMAIL_CLICKED, campaign=Campaign(source="newsletter", medium="email")),
    said(EventType.EMAIL_UNSUBSCRIBED),
    said(EventType.PRODUCT_SIGNED_UP),
    said(EventType.PRODUCT_TRIAL_STARTED),
    said(EventType.PRODUCT_SESSION_STARTED),
    said(EventType.PRODUCT_FEATURE_USED),
    said(EventType.CHAT_MESSAGE),
    said(EventType.MEETING_BOOKED, Actor.STAFF),
    said(EventType.CALL_LOGGED, Actor.STAFF),
    said(EventType.CALL_LOGGED),
    said(EventType.CONSENT_CHANGED, consent=Consent("marketing", True)),
    ticket(EventType.TICKET_CREATED, "t1", priority="urgent"),
    ticket(EventType.TICKET_CREATED, "t2", priority="low", status="open"),
    ticket(EventType.TICKET_CHANGED, "t1", status="pending"),
    ticket(EventType.TICKET_CHANGED, "t2", priority="high"),
    ticket(EventType.TICKET_SOLVED, "t1"),
    deal("d1", "appointmentscheduled"),
    deal("d1", "closedlost"),
    deal("d2", "contractsent"),
    said(EventType.CRM_OUTCOME, Actor.STAFF, object=ObjectRef("deal", "d2"), properties={"dealstage": "closedwon"}),
    record(lifecyclestage="opportunity", jobtitle="Head of Data"),
    record(lifecyclestage="lead", hs_analytics_source="PAID_SOCIAL"),
    record(numberofemployees="51-200", industry="Computer Software"),
    record(company_size=7000, industry="mining", web_technologies="kafka;Snowflake;cobol"),
    record(seats=7, plan="team"),
    record(seats=-2.0004, plan="gold"),
    record(seats=0.1, plan="free"),
    said(EventType.PRODUCT_FEATURE_USED, properties={"feature": "export"}),
    said(EventType.EMAIL_BOUNCED, Actor.AUTOMATION),
    page("/docs?utm_source=x#top"),
    said(EventType.ACCOUNT_CHANGED, Actor.STAFF, object=ObjectRef("deal", "d1"), properties={"amount": "12500.5"}),
    said(EventType.CRM_STAGE_CHANGED, Actor.STAFF, object=ObjectRef("deal", "d2"), properties={"amount": 900}),
)


def event_of(
    what: Said,
    *,
    at: datetime,
    lead: str = "ld_2",
    account: str | None = None,
    stream: tuple[str, int] = STREAMS[0],
    offset: int = 0,
    name: str | None = None,
    system: str | None = None,
) -> Event:
    """A canonical event, received now."""
    topic, partition = stream
    data = {key: value for key, value in what.items() if key != "type"}
    return Event(
        id=name or f"e{topic}{partition}-{offset}",
        source=f"/t/demo/{system or SYSTEMS[topic]}/1",
        type=what["type"],
        time=at,
        receivedtime=NOW,
        tenant="demo",
        lead=lead,
        account=account,
        partitionkey=account or lead,
        data=EventData(**data),
        raw=RawPointer(topic, partition, offset, 0, "0" * 64),
    )


def merge_of(absorbed: str, survivor: str, *, stream: tuple[str, int] = STREAMS[0], offset: int = 0) -> LeadMerged:
    """The record that forwards a lead."""
    topic, partition = stream
    account = ACCOUNTS[survivor]
    return LeadMerged(
        absorbed=absorbed,
        survivor=survivor,
        survivor_key=account or survivor,
        survivor_account=account,
        joined=True,
        rule="test",
        receivedtime=NOW,
        imported=False,
        raw=RawPointer(topic, partition, offset, 0, "0" * 64),
    )


@dataclass(frozen=True)
class History:
    """Records in one order in which a worker may meet them: raw order within each raw partition."""

    records: tuple[Event | LeadMerged, ...]

    @property
    def events(self) -> list[Event]:
        """The events, in that order."""
        return [record for record in self.records if isinstance(record, Event)]

    @property
    def merges(self) -> list[LeadMerged]:
        """The merges, in that order."""
        return [record for record in self.records if isinstance(record, LeadMerged)]

    def final(self, lead: str) -> str:
        """Who `lead` is in the end."""
        return followed({merge.absorbed: merge.survivor for merge in self.merges}, lead)

    def person(self, lead: str, account: str | None) -> str:
        """Who `lead` is to its account in the end."""
        return followed({merge.absorbed: merge.survivor for merge in self.merges}, lead, within=account)


_ANYWHERE = object()


def followed(forwards: Mapping[str, str], lead: str, within: object = _ANYWHERE) -> str:
    """The end of a lead's forwards; within an account, its last id there or its first elsewhere."""
    while lead in forwards and within in (_ANYWHERE, ACCOUNTS[lead]):
        lead = forwards[lead]
    return lead


def _moments() -> st.SearchStrategy[datetime]:
    """Up to 100 days back, often at the very edge of a tile."""
    midnight = NOW.replace(hour=0, minute=0, second=0)
    edges = st.builds(
        lambda days, hours, beside: midnight - timedelta(days=days, hours=hours) + timedelta(microseconds=beside),
        st.sampled_from((0, 1, 6, 7, 8, 13, 14, 15, 29, 30, 31, 32, 33, 89, 90, 91, 92)),
        st.integers(-10, 24),
        st.sampled_from((-1, 0, 1)),
    )
    anywhere = st.integers(0, 100 * 86_400 * 10**6).map(lambda ago: NOW - timedelta(microseconds=ago))
    return st.one_of(anywhere, edges).map(lambda moment: min(moment, NOW))


def later_moments() -> st.SearchStrategy[datetime]:
    """Moments at which features are read: now or up to 100 days ahead."""
    ahead = st.one_of(st.just(timedelta()), st.timedeltas(timedelta(), timedelta(days=100)))
    return ahead.map(lambda delta: NOW + delta)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any events and merges, spread over the raw partitions, met in one order.

    As in ingestion, an absorbed lead had events before, and the event that caused a merge is one of the survivor.
    """
    plain = st.tuples(st.just(None), st.sampled_from(LEADS))
    steps: list[tuple[str | None, str]] = draw(st.lists(plain, min_size=1, max_size=30))
    for number, absorbed in enumerate(LEADS[:-1]):
        survivor = draw(st.one_of(st.none(), st.sampled_from(LEADS[number + 1 :])))
        if survivor is not None:
            steps.insert(draw(st.integers(0, len(steps))), (absorbed, survivor))
    records: list[Event | LeadMerged] = []
    for number, (absorbed_, lead) in enumerate(steps):
        stream = draw(st.sampled_from(STREAMS))
        if absorbed_ is not None:
            records.append(_event(draw, absorbed_, stream, 2 * number))
            records.append(merge_of(absorbed_, lead, stream=stream, offset=2 * number + 1))
        records.append(_event(draw, lead, stream, 2 * number + 1))
    return History(tuple(records))


def _event(draw: st.DrawFn, lead: str, stream: tuple[str, int], offset: int) -> Event:
    what = draw(st.sampled_from(SPOKEN + SILENT))
    return event_of(what, at=draw(_moments()), lead=lead, account=ACCOUNTS[lead], stream=stream, offset=offset)


@st.composite
def reordered(draw: st.DrawFn, history: History) -> History:
    """The same records in another order in which a worker may meet them."""
    waiting: dict[str, list[Event | LeadMerged]] = {}
    for record_ in history.records:
        waiting.setdefault(record_.raw.stream, []).append(record_)
    turns: Sequence[str] = draw(st.permutations([record_.raw.stream for record_ in history.records]))
    return History(tuple(waiting[stream].pop(0) for stream in turns))
