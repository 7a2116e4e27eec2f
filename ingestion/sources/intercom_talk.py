"""Intercom's notifications about conversations and tickets: who speaks, and what a customer wrote."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ingestion.contracts.event import Actor, Channel, Draft, EventType
from ingestion.sources.fields import path_of, tag_of, text_of
from ingestion.sources.intercom_draft import Scene, actor_of, claims_of, draft_of, private_of, unmapped
from ingestion.sources.intercom_items import ContactItem, ConversationItem, Part, TicketItem, plain_text

_decode_conversation = msgspec.json.Decoder(ConversationItem).decode
_decode_ticket = msgspec.json.Decoder(TicketItem).decode

_CONVERSATION: Mapping[str, tuple[EventType, Actor]] = MappingProxyType(
    {
        "user.created": (EventType.CHAT_STARTED, Actor.USER),
        "user.replied": (EventType.CHAT_MESSAGE, Actor.USER),
        "admin.single.created": (EventType.CHAT_STARTED, Actor.STAFF),
        "admin.replied": (EventType.CHAT_MESSAGE, Actor.STAFF),
        "operator.replied": (EventType.CHAT_MESSAGE, Actor.AUTOMATION),
        "admin.closed": (EventType.CHAT_ENDED, Actor.STAFF),
        "rating.added": (EventType.CONTACT_CHANGED, Actor.USER),
        "read": (EventType.CONTACT_CHANGED, Actor.USER),
    }
    | dict.fromkeys(
        (
            *("admin.assigned", "admin.open.assigned", "admin.noted", "admin.opened", "admin.snoozed"),
            *("admin.unsnoozed", "priority.updated", "deleted", "contact.attached", "contact.detached"),
            *("tag.created", "redacted"),  # of a conversation's part
        ),
        (EventType.CONTACT_CHANGED, Actor.STAFF),
    )
)


def conversation_draft(scene: Scene, action: str) -> Draft:
    """A conversation; what admins did to it beside speaking is a change of the contact, for want of a type."""
    known = _CONVERSATION.get(action)
    if known is None:
        raise unmapped(scene.notice)
    type_, actor = known
    conversation = _decode_conversation(scene.notice.data.item)
    message = None
    if action == "user.created":
        message = conversation.opening
    elif action == "user.replied":
        message = conversation.newest
    contact = _speaker(conversation, message)
    properties: dict[str, Any] = {}
    if type_ is EventType.CONTACT_CHANGED:
        properties["action"] = f"conversation_{action.replace('.', '_')}"
    elif message is not None and (path := path_of(message.url)):
        properties["path"] = path
    return draft_of(
        scene,
        type_,
        actor_of(actor, contact, scene),
        properties,
        about=("chat", conversation.id or conversation.conversation_id),
        claims=claims_of(contact, scene),
        private=private_of(contact),
        text=message.text if message is not None and message.is_customers else None,
    )


def _speaker(conversation: ConversationItem, message: Part | None) -> ContactItem:
    """Whose conversation it is: who is named, else who wrote, else the only one that takes part."""
    known = conversation.user or conversation.contact
    if known is not None:
        return known
    for part in (message, conversation.opening):
        if part is not None and part.is_customers and part.author is not None:
            return _lead(part.author)
    others = conversation.contacts.contacts if conversation.contacts else []
    return others[0] if len(others) == 1 else ContactItem()


def _lead(author: ContactItem) -> ContactItem:
    """An author as a lead: the type of authors does not tell users from leads."""
    return ContactItem(id=author.id, email=author.email, name=author.name)


_STATES = {"submitted": "new", "in_progress": "open", "waiting_on_customer": "pending", "resolved": "solved"}
_TICKET = frozenset(
    {
        *("created", "state.updated", "closed", "contact.replied", "rating.provided", "admin.replied"),
        *("note.created", "admin.assigned", "team.assigned", "contact.attached", "contact.detached"),
        "attribute.updated",
    }
)
_BY_CONTACT = frozenset({"created", "contact.replied", "rating.provided"})


def ticket_draft(scene: Scene, action: str) -> Draft:
    """A ticket, or what was done to one."""
    if action not in _TICKET:
        raise unmapped(scene.notice)
    item = _decode_ticket(scene.notice.data.item)
    ticket = item.ticket or item
    state = ticket.ticket_state.get("category") if isinstance(ticket.ticket_state, dict) else ticket.ticket_state
    status = "solved" if action == "closed" else _STATES.get(text_of(state) or "")
    type_ = EventType.TICKET_CREATED if action == "created" else EventType.TICKET_CHANGED
    if action == "closed" or (action == "state.updated" and status == "solved"):
        type_ = EventType.TICKET_SOLVED
    properties: dict[str, Any] = {"status": status} if status else {}
    if via := tag_of(ticket.channel):
        properties["via"] = via.lower()
    if type_ is EventType.TICKET_CHANGED:
        properties["action"] = action.replace(".", "_")
    part = item.ticket_part
    writes = action == "contact.replied" and part is not None and part.is_customers
    people = ticket.contacts.contacts if ticket.contacts else []
    contact = item.contact or (people[0] if len(people) == 1 else ContactItem())
    if writes and part is not None and part.author is not None:
        contact = _lead(part.author)
    text = part.text if writes and part is not None else None
    if action == "created":
        said = ticket.ticket_attributes or {}
        parts = (text_of(said.get("_default_title_")), plain_text(said.get("_default_description_")))
        text = "\n\n".join(one for one in parts if one) or None
    return draft_of(
        scene,
        type_,
        actor_of(Actor.USER if action in _BY_CONTACT else Actor.STAFF, contact, scene),
        properties,
        channel=Channel.SUPPORT,
        about=("ticket", ticket.id),
        claims=claims_of(contact, scene),
        private=private_of(contact),
        text=text,
    )
