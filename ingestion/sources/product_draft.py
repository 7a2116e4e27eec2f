"""A product tracker's act as a draft: who did it, what else is said of them, their account, their campaign.

Invariant: of a user's profile that comes along with every act, only the e-mail address is sealed into each event; names
and the like are taken over where the act is about the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ingestion.contracts.event import AccountHint, Actor, Campaign, Claim, Draft, IdentifierType
from ingestion.sources.adapter import SourceContext
from ingestion.sources.bots import is_bot
from ingestion.sources.campaign import CLICK_IDS, campaign_in, campaign_of
from ingestion.sources.fields import is_staff, plain_id, tag_of, text_of
from ingestion.sources.person import Person, person_of
from ingestion.sources.product_events import CHANNELS, Act

_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
_PAGE = ("current_page_title", "current_domain", "current_url_path", "current_url_protocol", "current_url_search")
# What trackers add to events under plain names.
_ADDED = frozenset({*_UTM, *_PAGE, *CLICK_IDS, "distinct_id", "token", "time", "referrer", "referring_domain"})
# Kinds of group that are a customer's firm; any other (a project, a channel) is not.
_FIRMS = ("company", "company_id", "organization", "organisation", "org", "org_id", "account", "account_id", "customer")

_NOBODY = Person()


def product_draft(
    act: Act,
    context: SourceContext,
    *,
    event_id: str,
    time: datetime,
    claims: tuple[Claim, ...],
    profile: Person | None = None,
    firm: str | None = None,
    campaign: Campaign | None = None,
    user_agent: str | None = None,
    test: bool = False,
) -> Draft:
    """Puts a draft together.

    Args:
        claims: who acted, as the tracker knows them.
        profile: what else the tracker says of whoever acted.
        firm: the `crm_id` of the account that they acted for.
    """
    known, told = profile or _NOBODY, act.person or _NOBODY
    # Where the act names an address, the profile's may be another person's: a colleague fills in the form.
    beside = known.claims if told.email is None else tuple(c for c in known.claims if c.type != IdentifierType.EMAIL)
    hint = told.account or known.account
    return Draft(
        id=event_id,
        source=context.source,
        type=act.type,
        time=time,
        channel=CHANNELS[act.type],
        claims=claims + beside + told.claims,
        account=hint if firm is None else msgspec.structs.replace(hint or AccountHint(), crm_id=firm),
        properties=known.properties | act.properties | told.properties,
        campaign=campaign,
        private=({"email": known.email} if known.email else {}) | told.private,
        text=told.text,
        actor=_actor(known.email or told.email, user_agent, act, context),
        test=test,
    )


def _actor(email: str | None, user_agent: str | None, act: Act, context: SourceContext) -> Actor:
    if is_bot(user_agent):
        return Actor.BOT
    if is_staff(email, context):
        return Actor.STAFF
    return Actor.AUTOMATION if act.unattended else Actor.USER


def own_properties(sent: Mapping[str, Any], *prefixes: str) -> dict[str, Any]:
    """An event's properties without those that a tracker adds, by their prefixes or by common names."""
    return {name: sent[name] for name in sent if name not in _ADDED and not name.startswith(prefixes)}


def company_of(traits: Mapping[str, Any]) -> Person:
    """A company's traits: its `name` is no person's."""
    read = person_of(traits.items(), verified=False, answers=False)
    return Person(company=tag_of(traits.get("name")), domain=read.domain, properties=read.properties)


def firm_in(system: str, groups: Any, context: SourceContext) -> str | None:
    """The `crm_id` of the firm among a user's groups (kind → one id, or a list of one); None if it is not clear."""
    if not isinstance(groups, dict):
        return None
    by_kind = {str(kind).strip().lower(): group for kind, group in groups.items()}
    for kind in _FIRMS:
        group = by_kind.get(kind)
        if isinstance(group, list) and len(group) == 1:
            group = group[0]
        if key := text_of(group):
            return f"{system}:{context.account}:{kind}:{plain_id(key)}"
    return None


def campaign_among(sent: Mapping[str, Any], address: Any) -> Campaign | None:
    """The campaign in an event's properties, else in the page's address."""
    found = campaign_of(
        source=sent.get("utm_source"),
        medium=sent.get("utm_medium"),
        name=sent.get("utm_campaign"),
        term=sent.get("utm_term"),
        content=sent.get("utm_content"),
        click_ids={name: sent.get(name) for name in CLICK_IDS},
    )
    return found or campaign_in(address)
