"""Senders' words as ordinal numbers: stages, titles, sizes, sources, tickets, deals.

Every function takes what a sender wrote (or nothing) and answers a number, or None where the words say
nothing. A new word is one entry in a table here; it changes the feature hash.
"""

from __future__ import annotations

import re
from typing import Any

from ingestion.contracts.event import Campaign, Channel, Consent, EventType

# HubSpot's default lifecycle stages (knowledge.hubspot.com "Use lifecycle stages"), in funnel order.
STAGES = {
    "subscriber": 1.0,
    "lead": 2.0,
    "marketingqualifiedlead": 3.0,
    "salesqualifiedlead": 4.0,
    "opportunity": 5.0,
    "customer": 6.0,
    "evangelist": 7.0,
}

# Whoever answers for one of these owns no company.
_DUTIES = ("application", "data", "platform", "process", "product", "project", "risk", "service", "solution", "system")
_OF_A_FIRM = "".join(rf"(?<!\b{duty}[ -])" for duty in _DUTIES)

# The first pattern that fits decides; ranks are 1 (individual) to 5 (chief officer).
SENIORITIES = (
    (re.compile(r"\b(intern|student|trainee|working student|assistant)\b"), 1.0),
    (re.compile(r"\b(vp|svp|evp|vice president)\b"), 4.0),
    (re.compile(r"\b(chief|ceo|cto|cfo|coo|cio|ciso|cmo|cpo|cro|founder|co-founder|president|partner)\b"), 5.0),
    (re.compile(rf"\b{_OF_A_FIRM}owner\b"), 5.0),
    (re.compile(r"\b(director|head)\b"), 3.0),
    (re.compile(r"\b(manager|lead|principal|supervisor|owner)\b"), 2.0),
)

SIZE_EDGES = (10, 50, 200, 1000, 5000)  # employees; bucket 1 is up to the first edge, 6 above the last

# How much a source says about the wish to buy, 1 (bought list) to 5 (referred). HubSpot's original-source values.
SOURCES = {
    "referrals": 5.0,
    "referral": 5.0,
    "partner": 5.0,
    "direct_traffic": 4.0,
    "direct": 4.0,
    "organic_search": 4.0,
    "website": 4.0,
    "paid_search": 3.0,
    "email_marketing": 3.0,
    "event": 3.0,
    "webinar": 3.0,
    "paid_social": 2.0,
    "social_media": 2.0,
    "other_campaigns": 2.0,
    "offline": 1.0,
    "list": 1.0,
}
FORM_CHANNELS = {Channel.WEB: 4.0, Channel.ADS: 3.0, Channel.MAP: 3.0, Channel.CHAT: 4.0}

MEDIUMS = {
    "referral": 5.0,
    "partner": 5.0,
    "cpc": 4.0,
    "ppc": 4.0,
    "paid_search": 4.0,
    "organic": 4.0,
    "email": 3.0,
    "webinar": 3.0,
    "paid_social": 2.0,
    "paidsocial": 2.0,
    "social": 2.0,
    "display": 1.0,
    "banner": 1.0,
}

PRIORITIES = {"low": 1.0, "normal": 2.0, "medium": 2.0, "high": 3.0, "urgent": 4.0}
LARGEST_DEAL = 1e12
CLOSED_TICKETS = frozenset({"solved", "closed", "deleted", "resolved"})
# What adapters and publishers call the whole of a firm's e-mail. `marketing:17` is a part of it: one group, one list.
EMAIL_PURPOSES = frozenset({"marketing", "email", "email marketing"})
_EMAIL_REFUSALS = frozenset({EventType.EMAIL_UNSUBSCRIBED, EventType.EMAIL_SPAM})


def _word(value: Any) -> str:
    return str(value).strip().lower() if value else ""


def lifecycle_stage(value: Any) -> float | None:
    """Place in the funnel, 1 subscriber to 7 evangelist."""
    return STAGES.get(_word(value).replace(" ", "").replace("_", "")) if value else None


def seniority(title: Any) -> float | None:
    """Rank of a job title, 1 individual to 5 chief officer."""
    if not (words := _word(title)):
        return None
    return next((rank for pattern, rank in SENIORITIES if pattern.search(words)), 1.0)


def company_size(employees: Any) -> float | None:
    """Bucket of a head count or of a range such as "51-200" (its lower end counts)."""
    if employees is None or not (number := re.search(r"\d+", str(employees).replace(",", "").replace(" ", ""))):
        return None
    count = int(number.group()[:12])
    return float(1 + sum(count > edge for edge in SIZE_EDGES)) if count else None


def source_intent(source: Any, form: Channel | None) -> float | None:
    """Weight of a lead source by name, else of the channel whose form was filled in."""
    named = SOURCES.get(_word(source).replace(" ", "_")) if source else None
    return named if named is not None else FORM_CHANNELS.get(form) if form is not None else None


def medium_intent(campaign: Campaign) -> float | None:
    """Weight of a campaign: by its medium, else a paid click, else 1 for any named campaign."""
    known = MEDIUMS.get(_word(campaign.medium).replace(" ", "_"))
    if known is not None:
        return known
    if campaign.click_ids:
        return MEDIUMS["cpc"] if "gclid" in campaign.click_ids else MEDIUMS["paid_social"]
    return 1.0 if campaign.name or campaign.source or campaign.medium else None


def email_consent(kind: EventType, said: Consent | None) -> float | None:
    """1 granted, 0 withdrawn, of e-mail as a whole; None where a part of it is decided, or another purpose.

    The act itself withdraws consent where it says nothing of e-mail in words.
    """
    purpose, _, part = _word(said.purpose if said else None).partition(":")
    if said is None or re.sub(r"[_-]", " ", purpose) not in EMAIL_PURPOSES:
        return 0.0 if kind in _EMAIL_REFUSALS else None
    return None if part else float(said.granted)


def ticket_is_open(kind: EventType, status: Any) -> float | None:
    """1 open, 0 solved; None if a change does not say."""
    if kind is EventType.TICKET_SOLVED:
        return 0.0
    if word := _word(status):
        return 0.0 if word in CLOSED_TICKETS else 1.0
    return 1.0 if kind is EventType.TICKET_CREATED else None


def ticket_priority(priority: Any) -> float | None:
    """1 low to 4 urgent."""
    return PRIORITIES.get(_word(priority)) if priority else None


def deal_amount(amount: Any) -> float | None:
    """What a deal is worth, in its own currency; None for what is no number or no plausible one."""
    try:
        worth = float(amount)
    except (TypeError, ValueError):
        return None
    return worth if 0 <= worth <= LARGEST_DEAL else None


def deal_is_open(kind: EventType, fields: dict[str, Any]) -> float | None:
    """1 while a deal is in the pipeline, 0 once won or lost."""
    if kind is EventType.CRM_OUTCOME:
        return 0.0
    if status := _word(fields.get("deal_status")):
        return 1.0 if status == "open" else 0.0
    stage = _word(fields.get("dealstage"))
    return None if not stage else 0.0 if stage in ("closedwon", "closedlost") else 1.0
