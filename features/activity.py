"""What a canonical event says about a lead or an account: acts that are counted, values that are remembered.

Invariant: only a user's acts count as engagement. Bots, tests and our own write-backs say nothing at all;
staff and vendors' automation state facts (stage, deal, ticket, meeting) but never engage.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, NamedTuple

from features.vocabulary import (
    company_size,
    deal_amount,
    deal_is_open,
    email_consent,
    lifecycle_stage,
    medium_intent,
    seniority,
    source_intent,
    ticket_is_open,
    ticket_priority,
)
from ingestion.contracts.event import Actor, Event, EventType


class _Slot(IntEnum):
    """A member is the slot in which facts and states have it; no two members of all the vocabulary share one."""

    @property
    def slot(self) -> int:
        """The member as a plain number."""
        return int(self)


class Kind(_Slot):
    """Acts that are counted. Below 32."""

    ACTIVE = 0  # any act of a user
    PAGE_VIEW = 1
    PRICING_VISIT = 2
    DOWNLOAD = 3
    EMAIL_OPEN = 4
    EMAIL_CLICK = 5
    FORM = 6
    SESSION = 7
    FEATURE_USE = 8
    SIGN_UP = 9
    TRIAL = 10
    TICKET = 11
    MEETING = 12
    CALL = 13


class Slot(_Slot):
    """Values that are said of a lead or its company. From 32 on."""

    STAGE = 32
    SENIORITY = 33
    CONSENT = 34
    COMPANY_SIZE = 35
    INDUSTRY = 36
    TECHNOLOGIES = 37
    SOURCE = 38  # weights: how much it says about the wish to buy
    CAMPAIGN = 39
    PAGE = 40  # that a user viewed

    @property
    def worded(self) -> bool:
        """Whether it is said in words."""
        return self in (Slot.INDUSTRY, Slot.TECHNOLOGIES, Slot.PAGE)

    @property
    def of_company(self) -> bool:
        """Whether it is said of the company, and so of the account where there is one."""
        return self in (Slot.COMPANY_SIZE, Slot.INDUSTRY, Slot.TECHNOLOGIES)


class Item(_Slot):
    """Values kept per object, of which the newest counts. From 48 on."""

    TICKET_OPEN = 48  # 1 open, 0 solved
    TICKET_PRIORITY = 49
    DEAL_OPEN = 50
    DEAL_AMOUNT = 51  # in the currency of the deal

    @property
    def opens(self) -> bool:
        """Whether it says that a thing is open."""
        return self in (Item.TICKET_OPEN, Item.DEAL_OPEN)

    @property
    def thing(self) -> str:
        """What it is said of. A ticket and a deal may have one name."""
        return self.name.partition("_")[0].lower()


class Facts(NamedTuple):
    """What one event says."""

    kinds: tuple[int, ...] = ()
    values: tuple[tuple[int, float | str], ...] = ()
    company: tuple[tuple[int, float | str], ...] = ()  # slots of the account where there is one
    items: tuple[tuple[int, str, float], ...] = ()


NOTHING = Facts()

_PRICING = re.compile(r"(?:^|/)(?:pricing|plans|quote)(?:[/?#.]|$)")

# Acts of a user, by event type. Each of them is also `Kind.ACTIVE`.
_ENGAGEMENT: dict[EventType, tuple[int, ...]] = {
    kind: tuple(int(k) for k in kinds)
    for kind, kinds in {
        EventType.LEAD_FORM_SUBMITTED: (Kind.ACTIVE, Kind.FORM),
        EventType.WEB_PAGE_VIEWED: (Kind.ACTIVE, Kind.PAGE_VIEW),
        EventType.WEB_CONTENT_DOWNLOADED: (Kind.ACTIVE, Kind.DOWNLOAD),
        EventType.PRODUCT_SIGNED_UP: (Kind.ACTIVE, Kind.SIGN_UP),
        EventType.PRODUCT_TRIAL_STARTED: (Kind.ACTIVE, Kind.TRIAL),
        EventType.PRODUCT_SESSION_STARTED: (Kind.ACTIVE, Kind.SESSION),
        EventType.PRODUCT_FEATURE_USED: (Kind.ACTIVE, Kind.FEATURE_USE),
        EventType.EMAIL_OPENED: (Kind.ACTIVE, Kind.EMAIL_OPEN),
        EventType.EMAIL_CLICKED: (Kind.ACTIVE, Kind.EMAIL_CLICK),
        EventType.EMAIL_REPLIED: (Kind.ACTIVE,),
        EventType.CHAT_STARTED: (Kind.ACTIVE,),
        EventType.CHAT_MESSAGE: (Kind.ACTIVE,),
        EventType.TICKET_CREATED: (Kind.ACTIVE, Kind.TICKET),
        EventType.MEETING_BOOKED: (Kind.ACTIVE, Kind.MEETING),
        EventType.CALL_LOGGED: (Kind.ACTIVE, Kind.CALL),
    }.items()
}
_PRICING_VISIT = (int(Kind.ACTIVE), int(Kind.PAGE_VIEW), int(Kind.PRICING_VISIT))

# What staff and automation may log on a lead's behalf: counted, but no engagement.
_LOGGED: dict[EventType, tuple[int, ...]] = {
    EventType.TICKET_CREATED: (int(Kind.TICKET),),
    EventType.MEETING_BOOKED: (int(Kind.MEETING),),
    EventType.CALL_LOGGED: (int(Kind.CALL),),
}
_TICKETS = frozenset({EventType.TICKET_CREATED, EventType.TICKET_CHANGED, EventType.TICKET_SOLVED})
_PLAIN = frozenset(  # says nothing beyond the act itself
    {
        EventType.PRODUCT_SESSION_STARTED,
        EventType.PRODUCT_FEATURE_USED,
        EventType.EMAIL_OPENED,
        EventType.EMAIL_CLICKED,
        EventType.EMAIL_DELIVERED,
        EventType.EMAIL_PROCESSED,
        EventType.EMAIL_DEFERRED,
    }
)


def is_heard(event: Event) -> bool:
    """Whether what an event says counts at all: not that of bots, tests and our own write-backs."""
    data = event.data
    actor = data.actor
    return not (data.test or actor is Actor.BOT or (actor is not Actor.USER and data.properties.get("own_write_back")))


def facts_of(event: Event) -> Facts:
    """Everything `event` says; `NOTHING` where it is not heard."""
    if not is_heard(event):
        return NOTHING
    data = event.data
    actor, kind, properties = data.actor, event.type, data.properties
    kinds = (_ENGAGEMENT if actor is Actor.USER else _LOGGED).get(kind, ())
    if kind is EventType.WEB_PAGE_VIEWED:
        intent = _intent(event) if data.campaign else ()
        address = str(properties.get("path") or properties.get("url") or "").lower()
        if not kinds or not address:
            return Facts(kinds, intent)
        page: tuple[int, str] = (Slot.PAGE, address.partition("?")[0].partition("#")[0])
        return Facts(_PRICING_VISIT if _PRICING.search(address) else kinds, (page, *intent))
    if kind in _PLAIN and not data.campaign:
        return Facts(kinds)
    fields = properties if not data.change else properties | {c.field: c.new for c in data.change}
    return Facts(kinds, _values(event, fields) + _intent(event), _company(fields), _items(event, fields))


def _values(event: Event, fields: dict[str, Any]) -> tuple[tuple[int, float | str], ...]:
    found: list[tuple[int, float | str]] = []
    if (stage := lifecycle_stage(fields.get("lifecyclestage"))) is not None:
        found.append((Slot.STAGE, stage))
    if (rank := seniority(fields.get("jobtitle"))) is not None:
        found.append((Slot.SENIORITY, rank))
    if (granted := email_consent(event.type, event.data.consent)) is not None:
        found.append((Slot.CONSENT, granted))
    return tuple(found)


def _company(fields: dict[str, Any]) -> tuple[tuple[int, float | str], ...]:
    found: list[tuple[int, float | str]] = []
    for name in ("numberofemployees", "numemployees", "company_size"):
        if (size := company_size(fields.get(name))) is not None:
            found.append((Slot.COMPANY_SIZE, size))
            break
    if industry := fields.get("industry"):
        found.append((Slot.INDUSTRY, str(industry).strip().lower()))
    if technologies := fields.get("web_technologies") or fields.get("technologies"):
        words = technologies if isinstance(technologies, list) else re.split(r"[;,]", str(technologies))
        found.append((Slot.TECHNOLOGIES, ";".join(sorted({str(w).strip().lower() for w in words} - {""}))))
    return tuple(found)


def _intent(event: Event) -> tuple[tuple[int, float | str], ...]:
    found: list[tuple[int, float | str]] = []
    data = event.data
    fields = data.properties if not data.change else data.properties | {c.field: c.new for c in data.change}
    form = data.channel if event.type is EventType.LEAD_FORM_SUBMITTED else None
    if (weight := source_intent(fields.get("hs_analytics_source") or fields.get("lead_source"), form)) is not None:
        found.append((Slot.SOURCE, weight))
    if data.campaign is not None and (weight := medium_intent(data.campaign)) is not None:
        found.append((Slot.CAMPAIGN, weight))
    return tuple(found)


def _items(event: Event, fields: dict[str, Any]) -> tuple[tuple[int, str, float], ...]:
    thing = event.data.object
    if thing is None:
        return ()
    found: list[tuple[int, str, float]] = []
    name = f"{event.source.removeprefix(f'/t/{event.tenant}/')}#{thing.id}"  # ids are one system's own
    if event.type in _TICKETS:
        if (is_open := ticket_is_open(event.type, fields.get("status"))) is not None:
            found.append((Item.TICKET_OPEN, name, is_open))
        if (priority := ticket_priority(fields.get("priority"))) is not None:
            found.append((Item.TICKET_PRIORITY, name, priority))
    elif thing.type == "deal":
        if (is_open := deal_is_open(event.type, fields)) is not None:
            found.append((Item.DEAL_OPEN, name, is_open))
        if (amount := deal_amount(fields.get("amount"))) is not None:
            found.append((Item.DEAL_AMOUNT, name, amount))
    return tuple(found)
