"""Segment's calls: page, screen, track, identify, group, alias; alone, in an array or in a `batch`.

Spec: segment.com/docs/connections/spec (common fields, B2B SaaS, e-mail and live-chat event names). `anonymousId` and
`userId` have the workspace as scope, which is the header `source-account`: the website's forms repeat the same cookie.
A call of the HTTP API, `POST /v1/track`, need not name its `type`: the header `segment-call` does, and stands above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingestion.contracts.event import Campaign, Claim, Draft, EventType, IdentifierType
from ingestion.contracts.raw import SEGMENT_CALL
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.campaign import campaign_in, campaign_of
from ingestion.sources.fields import claim, content_id, from_moment, plain_id, text_of
from ingestion.sources.person import Person, person_of
from ingestion.sources.product_draft import company_of, product_draft
from ingestion.sources.product_events import MAKES, Act, page_viewed, screen_viewed, tracked
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
from ingestion.sources.split import is_array, nonempty, one_or_many

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _open_call(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A call with its `type`, which is its path's whatever the body says: the path is what was asked for."""
    call = headers.get(SEGMENT_CALL, "batch")
    if call == "batch" or is_array(body):
        return body
    fields: dict[str, Any] = {**_decode_fields(body), "type": call}
    return msgspec.json.encode(fields)


SOURCE = Source(
    system="segment",
    sender="Segment's calls, and those of libraries that speak its spec",
    topic="raw.product",
    makes=MAKES,
    dedupe="messageId, else a hash of the content",
    ordering="none; timestamp is the client's, corrected by Segment",
    leaves_out={"context.ip": "of no use to a score", "traits without a canonical meaning": "they may be personal"},
    about=("userId", "anonymousId"),
    # Browsers send JSON as text/plain, which spares them a question beforehand.
    opens=dict.fromkeys(("application/json", "text/json", "text/plain", ""), _open_call),
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
    act = _act(call, context)
    around = call.context or _NO_CONTEXT
    time = _time(call, context)
    email = text_of(around.traits.email) if around.traits else None
    firm = text_of(call.group_id if isinstance(call, GroupCall) else None) or text_of(around.group_id)
    return product_draft(
        act,
        context,
        event_id=plain_id(call.message_id) if call.message_id else content_id(context, act.type, "", time, element),
        time=time,
        claims=_claims(call, context, email),
        profile=person_of([("email", email)], verified=_signed_in(call), answers=False) if email else None,
        firm=f"segment:{context.account}:group:{plain_id(firm)}" if firm else None,
        campaign=_campaign(around),
        user_agent=around.user_agent,
    )


def _act(call: AnyCall, context: SourceContext) -> Act:
    if isinstance(call, PageCall):
        page = call.properties or Page()
        around = (call.context.page if call.context else None) or page
        addresses = (page.path, page.url, around.path, around.url)
        return page_viewed(*addresses, referrer=page.referrer or around.referrer)
    if isinstance(call, TrackCall):
        return tracked(call.event, call.properties or {})
    if isinstance(call, ScreenCall):
        return screen_viewed(call.name)
    if isinstance(call, IdentifyCall):
        return Act(EventType.IDENTITY_LINK, person=_identified(call))
    if isinstance(call, GroupCall):
        return Act(EventType.ACCOUNT_CHANGED, person=company_of(call.traits or {}))
    # What `previousId` is, an anonymous or a user's id, is not said; the weaker kind never joins two known people.
    previous = claim(IdentifierType.ANONYMOUS_ID, call.previous_id, scope=context.account)
    return Act(EventType.IDENTITY_LINK, person=Person(claims=previous))


def _identified(call: IdentifyCall) -> Person:
    traits = call.traits or {}
    company = traits.get("company")
    person = person_of(traits.items(), verified=_signed_in(call), answers=False)
    if isinstance(company, dict):
        about = company_of(company)
        person.company, person.domain = about.company, about.domain
        person.properties |= about.properties
    return person


def _signed_in(call: Call) -> bool:
    return text_of(call.user_id) is not None


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
    return user + anonymous


def _campaign(around: Context) -> Campaign | None:
    page, utm = around.page, around.campaign
    found = campaign_in(page.search or page.url) if page else None
    if utm is None:
        return found
    clicks: dict[str, Any] = dict(found.click_ids) if found else {}
    return campaign_of(
        source=utm.source, medium=utm.medium, name=utm.name, term=utm.term, content=utm.content, click_ids=clicks
    )
