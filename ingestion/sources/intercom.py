"""Intercom's webhooks: one notification a message, about a contact, a company, a conversation, a ticket or a mail.

Reference: developers.intercom.com/docs/references/webhooks/webhook-models (topics, `contact.merged`, content stats).
Every contact is claimed by Intercom's own id as weakly as a browser's cookie, for a lead is whoever wrote into the
messenger; a user's id is vouched for too. A user's `external_id` is the product's user id where the tenant says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from ingestion.contracts.event import Actor, Draft, EventType
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import from_seconds, plain_id, text_of
from ingestion.sources.intercom_draft import Notice, Scene, draft_of, unmapped
from ingestion.sources.intercom_people import company_draft, contact_draft, mail_draft, tracked_draft
from ingestion.sources.intercom_talk import conversation_draft, ticket_draft
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="intercom",
    sender="Intercom's webhooks, of every API version",
    topic="raw.support",
    makes=(
        EventType.LEAD_CREATED,
        EventType.CONTACT_CHANGED,
        EventType.CONTACT_DELETED,
        EventType.ACCOUNT_CHANGED,
        EventType.IDENTITY_LINK,
        EventType.CONSENT_CHANGED,
        EventType.PRODUCT_SIGNED_UP,
        EventType.PRODUCT_FEATURE_USED,
        EventType.CHAT_STARTED,
        EventType.CHAT_MESSAGE,
        EventType.CHAT_ENDED,
        EventType.TICKET_CREATED,
        EventType.TICKET_CHANGED,
        EventType.TICKET_SOLVED,
        EventType.EMAIL_PROCESSED,
        EventType.EMAIL_OPENED,
        EventType.EMAIL_CLICKED,
        EventType.EMAIL_REPLIED,
        EventType.EMAIL_BOUNCED,
        EventType.EMAIL_SPAM,
        EventType.EMAIL_UNSUBSCRIBED,
    ),
    dedupe="id; of a ping and other notifications without one a hash of topic, time and item",
    ordering="none",
    leaves_out={
        "messages of admins and bots": "not the lead's words",
        "user_id and external_id of leads": "made up by Intercom",
        "admin.*, article.*, call.*, job.*, content_stat.* but of e-mail": "not about a lead; quarantined by name",
    },
    about=("data.item.id", "data.item.contact.id", "data.item.ticket.id", "data.item.intercom_user_id"),
)


_FAMILIES: Mapping[str, Callable[[Scene, str], Draft]] = MappingProxyType(
    {
        "contact": contact_draft,
        "user": contact_draft,
        "visitor": contact_draft,
        "granular": contact_draft,
        "company": company_draft,
        "conversation": conversation_draft,
        "conversation_part": conversation_draft,
        "ticket": ticket_draft,
        "event": tracked_draft,
        "content_stat": mail_draft,
    }
)


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Notice).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one notification; raises `ContractBroken` for a topic that has no canonical meaning."""
    notice = _decode(element)
    workspace = plain_id(text_of(notice.app_id) or context.account)
    scene = Scene(notice, context, workspace, from_seconds(notice.created_at, "created_at"))
    family, _, action = notice.topic.partition(".")
    if notice.topic == "ping":
        return draft_of(scene, EventType.CONTACT_CHANGED, Actor.AUTOMATION, {"action": "ping"}, test=True)
    read = _FAMILIES.get(family)
    if read is None:
        raise unmapped(notice)
    return read(scene, action)
