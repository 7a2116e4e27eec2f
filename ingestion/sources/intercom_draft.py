"""An Intercom notification as a draft: its envelope, and who it is about.

Invariant: a contact is claimed by Intercom's id as weakly as a cookie; only a user's id, address and product user id
are vouched for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ingestion.contracts.event import (
    AccountHint,
    Actor,
    Campaign,
    Change,
    Channel,
    Claim,
    Consent,
    Draft,
    EventType,
    IdentifierType,
    ObjectRef,
)
from ingestion.errors import ContractBroken
from ingestion.sources.adapter import SourceContext
from ingestion.sources.fields import claim, content_id, host_of, is_staff, named, plain_id, tag_of, text_of
from ingestion.sources.intercom_items import CompanyItem, ContactItem


class Data(msgspec.Struct, gc=False):
    """The container of the item."""

    item: msgspec.Raw


class Notice(msgspec.Struct, gc=False):
    """The envelope."""

    topic: str
    created_at: int | float  # epoch seconds
    data: Data
    id: str | None = None
    app_id: str | int | None = None  # the workspace


class Scene(NamedTuple):
    """A notification and where it came from."""

    notice: Notice
    context: SourceContext
    workspace: str
    time: datetime


def scope_of(scene: Scene) -> str:
    """The scope of a contact's id, in the workspace."""
    return f"intercom:{scene.workspace}:contact"


def claims_of(contact: ContactItem, scene: Scene) -> tuple[Claim, ...]:
    """What the notification says of who the contact is, strongest first."""
    scope, product = scope_of(scene), scene.context.tenant.product_scope
    claims: tuple[Claim, ...] = ()
    if contact.is_user:
        claims += claim(IdentifierType.CRM, contact.id, verified=True, scope=scope)
        if product is not None:
            user = text_of(contact.external_id) or text_of(contact.user_id)
            claims += claim(IdentifierType.USER_ID, user, verified=True, scope=product)
    claims += claim(IdentifierType.EMAIL, contact.email, verified=contact.is_user)
    claims += claim(IdentifierType.PHONE, contact.phone)
    return claims + claim(IdentifierType.ANONYMOUS_ID, contact.id, scope=scope)


def private_of(contact: ContactItem) -> dict[str, str]:
    """The contact's personal values."""
    known = {"email": contact.email, "name": contact.name, "phone": contact.phone}
    return {name: text for name, value in known.items() if (text := text_of(value))}


def hint_of(company: CompanyItem, scene: Scene) -> AccountHint | None:
    """What is said of a company; nothing without Intercom's id of it."""
    if company.id is None:
        return None
    crm_id = f"intercom:{scene.workspace}:company:{plain_id(company.id)}"
    return AccountHint(host_of(company.website), crm_id, tag_of(company.name))


def actor_of(actor: Actor, contact: ContactItem, scene: Scene) -> Actor:
    """The actor, or the firm's own people where one of them tries the messenger."""
    return Actor.STAFF if actor is Actor.USER and is_staff(text_of(contact.email), scene.context) else actor


def draft_of(
    scene: Scene,
    type_: EventType,
    actor: Actor,
    properties: dict[str, Any],
    *,
    channel: Channel = Channel.CHAT,
    about: tuple[str, str | int | None] = ("", None),
    claims: tuple[Claim, ...] = (),
    account: AccountHint | None = None,
    change: tuple[Change, ...] = (),
    campaign: Campaign | None = None,
    consent: Consent | None = None,
    private: dict[str, str] | None = None,
    text: str | None = None,
    test: bool = False,
) -> Draft:
    """The notification as a draft of `type_`; `about` is the kind and the id of the object."""
    notice, context = scene.notice, scene.context
    kind, reference = about
    return Draft(
        # Counters of attempts stand around the item, so that its hash is the same when it is sent again.
        id=plain_id(notice.id) if notice.id else content_id(context, notice.topic, "", scene.time, notice.data.item),
        source=context.source,
        type=type_,
        time=scene.time,
        channel=channel,
        claims=claims,
        account=account,
        object=ObjectRef(kind, plain_id(reference)) if reference is not None else None,
        properties=properties,
        change=change,
        campaign=campaign,
        consent=consent,
        private=private or {},
        text=text,
        actor=actor,
        test=test,
    )


def unmapped(notice: Notice) -> ContractBroken:
    """The reason for a topic that nothing here reads."""
    expected = "a topic of contacts, companies, conversations, tickets, events or content_stat.email"
    return ContractBroken(f"topic: {named(notice.topic)} has no canonical meaning, expected {expected}")
