"""Segment's calls: page, screen, track, identify, group, alias; alone, in an array or in a `batch`.

Spec: segment.com/docs/connections/spec (common fields, B2B SaaS, e-mail and live-chat event names). `anonymousId` and
`userId` have the workspace as scope, which is the header `source-account`: the website's forms repeat the same cookie.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingestion.contracts.event import AccountHint, Actor, Campaign, Claim, Draft, EventType, IdentifierType
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.bots import is_bot
from ingestion.sources.campaign import campaign_in, campaign_of
from ingestion.sources.fields import (
    claim,
    content_id,
    from_moment,
    host_of,
    is_staff,
    path_of,
    plain_id,
    tag_of,
    text_of,
)
from ingestion.sources.person import Person, person_of
from ingestion.sources.segment_calls import (
    AnyCall,
    Batch,
    Call,
    Context,
    GroupCall,
    IdentifyCall,
    Page,
    PageCall,
    ScreenCall,
    TrackCall,
)
from ingestion.sources.segment_events import CHANNELS, TRACKED
from ingestion.sources.split import is_array, nonempty, one_or_many

SOURCE = Source(
    system="segment",
    sender="Segment's calls, and those of libraries that speak its spec",
    topic="raw.product",
    makes=(EventType.PRODUCT_FEATURE_USED, *dict.fromkeys((*TRACKED.values(), *CHANNELS))),
    dedupe="messageId, else a hash of the content",
    ordering="none; timestamp is the client's, corrected by Segment",
    leaves_out={"context.ip": "of no use to a score", "traits without a canonical meaning": "they may be personal"},
    about=("userId", "anonymousId"),
)

_decode = msgspec.json.Decoder(AnyCall).decode
_decode_batch = msgspec.json.Decoder(Batch).decode


def elements(body: bytes) -> Sequence[msgspec.Raw]:
    """The calls of a body."""
    if b'"batch"' in body and not is_array(body):
        batch = _decode_batch(body).batch
        if batch is not msgspec.UNSET:
            return nonempty(batch)
    return one_or_many(body)


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one call."""
    call = _decode(element)
    if isinstance(call, PageCall):
        return _page(call, element, context)
    if isinstance(call, TrackCall):
        return _track(call, element, context)
    if isinstance(call, ScreenCall):
        properties = {"name": tag_of(call.name) or "screen"}
        return _draft(call, element, context, EventType.PRODUCT_FEATURE_USED, properties)
    if isinstance(call, IdentifyCall):
        return _identify(call, element, context)
    if isinstance(call, GroupCall):
        person = _company(call.traits or {})
        return _draft(call, element, context, EventType.ACCOUNT_CHANGED, {}, person, group=call.group_id)
    # What `previousId` is, an anonymous or a user's id, is not said; the weaker kind never joins two known people.
    previous = claim(IdentifierType.ANONYMOUS_ID, call.previous_id, scope=context.account)
    return _draft(call, element, context, EventType.IDENTITY_LINK, {}, Person(claims=previous))


def _page(call: PageCall, element: msgspec.Raw, context: SourceContext) -> Draft:
    page = call.properties or Page()
    around = (call.context.page if call.context else None) or page
    path = path_of(page.path) or path_of(page.url) or path_of(around.path) or path_of(around.url)
    properties: dict[str, Any] = {}
    if path is not None:
        properties["path"] = path
    if referrer := host_of(page.referrer or around.referrer):
        properties["referrer"] = referrer
    return _draft(call, element, context, EventType.WEB_PAGE_VIEWED, properties)


def _track(call: TrackCall, element: msgspec.Raw, context: SourceContext) -> Draft:
    sent = call.properties or {}
    name = call.event.strip()
    type_ = TRACKED.get(name.lower().replace("_", " "), EventType.PRODUCT_FEATURE_USED)
    properties: dict[str, Any] = {}
    person: Person | None = None
    if type_ is EventType.PRODUCT_FEATURE_USED:
        feature = next(
            (tag for key in ("feature", "feature_name", "featureName") if (tag := tag_of(sent.get(key)))), None
        )
        properties["name"] = feature or tag_of(name) or "unnamed"
    elif type_ is EventType.WEB_CONTENT_DOWNLOADED:
        names = ("title", "content", "document_name", "asset", "name")
        if content := next((tag for key in names if (tag := tag_of(sent.get(key)))), None):
            properties["content"] = content
    elif type_ in (EventType.LEAD_FORM_SUBMITTED, EventType.PRODUCT_SIGNED_UP):
        answers = type_ is EventType.LEAD_FORM_SUBMITTED
        person = person_of(((key, sent[key]) for key in sent if key != "type"), verified=False, answers=answers)
    elif type_ is EventType.CHAT_MESSAGE and (body := text_of(sent.get("message_body"))):
        person = Person(lines=[body])
    if plan := tag_of(sent.get("plan") or sent.get("trial_plan_name") or sent.get("plan_name")):
        properties["plan"] = plan
    if path := path_of(sent.get("url") or sent.get("link_url")):
        properties["path"] = path
    return _draft(call, element, context, type_, properties, person)


def _identify(call: IdentifyCall, element: msgspec.Raw, context: SourceContext) -> Draft:
    traits = call.traits or {}
    company = traits.get("company")
    person = person_of(traits.items(), verified=_signed_in(call), answers=False)
    if isinstance(company, dict):
        about = _company(company)
        person.company, person.domain = about.company, about.domain
        person.properties |= about.properties
    return _draft(call, element, context, EventType.IDENTITY_LINK, {}, person)


def _company(traits: dict[str, Any]) -> Person:
    """A company's traits: its `name` is no person's."""
    read = person_of(traits.items(), verified=False, answers=False)
    return Person(company=tag_of(traits.get("name")), domain=read.domain, properties=read.properties)


def _signed_in(call: Call) -> bool:
    return text_of(call.user_id) is not None


def _draft(
    call: Call,
    element: msgspec.Raw,
    context: SourceContext,
    type_: EventType,
    properties: dict[str, Any],
    person: Person | None = None,
    group: str | int | None = None,
) -> Draft:
    around = call.context or _NO_CONTEXT
    time = _time(call, context)
    email = text_of(around.traits.email) if around.traits else None
    claims = _claims(call, context, email if person is None or person.email is None else None)
    if person is not None:
        claims += person.claims
        properties |= person.properties
    return Draft(
        id=plain_id(call.message_id) if call.message_id else content_id(context, type_, "", time, element),
        source=context.source,
        type=type_,
        time=time,
        channel=CHANNELS[type_],
        claims=claims,
        account=_account(person, group or around.group_id, context),
        properties=properties,
        campaign=_campaign(around),
        private=_private(person, email),
        text=person.text if person else None,
        actor=_actor(email or (person.email if person else None), around.user_agent, context),
    )


_NO_CONTEXT = Context()


def _time(call: Call, context: SourceContext) -> datetime:
    """`timestamp`, which the spec lets a client leave out; then the moment of receipt stands."""
    if call.timestamp is not None:
        return from_moment(call.timestamp, "timestamp")
    return context.received if call.received_at is None else from_moment(call.received_at, "receivedAt")


def _claims(call: Call, context: SourceContext, email: str | None) -> tuple[Claim, ...]:
    user = claim(IdentifierType.USER_ID, call.user_id, verified=True, scope=context.account)
    anonymous = claim(IdentifierType.ANONYMOUS_ID, call.anonymous_id, scope=context.account)
    if not (user or anonymous or email):
        raise ContractBroken("userId, anonymousId: got neither, expected at least one")
    return user + anonymous + claim(IdentifierType.EMAIL, email, verified=bool(user))


def _account(person: Person | None, group: str | int | None, context: SourceContext) -> AccountHint | None:
    hint = person.account if person else None
    reference = text_of(group)
    if reference is None:
        return hint
    crm_id = f"segment:{context.account}:group:{plain_id(reference)}"
    return msgspec.structs.replace(hint or AccountHint(), crm_id=crm_id)


def _campaign(around: Context) -> Campaign | None:
    page, utm = around.page, around.campaign
    found = campaign_in(page.search or page.url) if page else None
    if utm is None:
        return found
    clicks: dict[str, Any] = dict(found.click_ids) if found else {}
    return campaign_of(
        source=utm.source, medium=utm.medium, name=utm.name, term=utm.term, content=utm.content, click_ids=clicks
    )


def _private(person: Person | None, email: str | None) -> dict[str, str]:
    known = {"email": email} if email else {}
    return known | person.private if person else known


def _actor(email: str | None, user_agent: str | None, context: SourceContext) -> Actor:
    if is_bot(user_agent):
        return Actor.BOT
    return Actor.STAFF if is_staff(email, context) else Actor.USER
