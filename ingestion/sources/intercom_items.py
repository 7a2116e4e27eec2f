"""What an Intercom notification carries in `data.item`, as far as it is read, in the old API's form and the new one's.

Contacts in the old form are `user` or `lead` objects; in the new one they are `contact` objects with a `role`. Leads
have a `user_id` or `external_id` too, a UUID that Intercom made up: it is an identifier of nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import Any

import msgspec

from ingestion.sources.fields import Id, text_of

_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h[1-6]|/tr|/pre|/blockquote)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_CUSTOMERS = frozenset({"user", "lead", "contact", "visitor"})


class CompanyItem(msgspec.Struct, gc=False):
    """A company; `company_id` is the firm's own id for it and not read."""

    id: Id | None = None
    name: Any = None
    website: Any = None
    industry: Any = None
    size: Any = None
    plan: Any = None


class Companies(msgspec.Struct, gc=False):
    """The companies of a contact, a page of them in the new form."""

    companies: list[CompanyItem] = []
    data: list[CompanyItem] = []


class Location(msgspec.Struct, gc=False):
    """Where Intercom saw the contact."""

    country: Any = None
    country_name: Any = None


class ContactItem(msgspec.Struct, gc=False):
    """A user or a lead."""

    id: Id | None = None
    type: str | None = None
    role: str | None = None
    user_id: Any = None
    external_id: Any = None
    email: Any = None
    phone: Any = None
    name: Any = None
    companies: Companies | None = None
    location: Location | None = None
    location_data: Location | None = None
    custom_attributes: dict[str, Any] | None = None
    utm_source: Any = None
    utm_medium: Any = None
    utm_campaign: Any = None
    utm_term: Any = None
    utm_content: Any = None
    merged_from: ContactItem | None = None

    @property
    def is_user(self) -> bool:
        """Whether the firm's own product vouches for this contact; a lead is whoever wrote into the messenger."""
        return self.role == "user" if self.role else self.type == "user"


class Label(msgspec.Struct, gc=False):
    """A tag or a subscription type."""

    id: Id | None = None
    name: Any = None


class Labels(msgspec.Struct, gc=False):
    """A list of subscription types."""

    data: list[Label] = []


class Stat(msgspec.Struct, gc=False):
    """What became of an outbound message."""

    stat_type: str
    content_id: Id | None = None
    content_title: Any = None


class About(msgspec.Struct, gc=False):
    """An item around a contact: tagged, subscribed, attached to a company, sent a message."""

    contact: ContactItem | None = None
    user: ContactItem | None = None
    company: CompanyItem | None = None
    tag: Label | None = None
    subscription_types: Labels | None = None
    content_stat: Stat | None = None


class Part(msgspec.Struct, gc=False):
    """A message: the first of a conversation, a later one, or a ticket's."""

    body: Any = None
    subject: Any = None
    url: Any = None
    author: ContactItem | None = None

    @property
    def is_customers(self) -> bool:
        """Whether a customer wrote it. An author of type `user` may be a lead."""
        return self.author is not None and self.author.type in _CUSTOMERS

    @property
    def text(self) -> str | None:
        """Subject and body as plain text."""
        parts = (text_of(self.subject), plain_text(self.body))
        return "\n\n".join(part for part in parts if part) or None


class Parts(msgspec.Struct, gc=False):
    """Messages in order; a notification has at least the newest."""

    conversation_parts: list[Part] = []


class Contacts(msgspec.Struct, gc=False):
    """Who takes part, often by id alone."""

    contacts: list[ContactItem] = []


class ConversationItem(msgspec.Struct, gc=False):
    """A conversation; `user` and `conversation_message` are the old form of `contacts` and `source`."""

    id: Id | None = None
    conversation_id: Id | None = None  # of a deleted one
    user: ContactItem | None = None
    contact: ContactItem | None = None  # who was attached or detached
    contacts: Contacts | None = None
    source: Part | None = None
    conversation_message: Part | None = None
    conversation_parts: Parts | None = None

    @property
    def opening(self) -> Part | None:
        """The first message."""
        return self.source or self.conversation_message

    @property
    def newest(self) -> Part | None:
        """The customer's newest message."""
        parts: Sequence[Part] = self.conversation_parts.conversation_parts if self.conversation_parts else ()
        return next((part for part in reversed(parts) if part.is_customers), None)


class TicketItem(msgspec.Struct, gc=False):
    """A ticket, or an item around one."""

    id: Id | None = None
    ticket_state: Any = None  # a word, or an object with its `category`
    ticket_attributes: dict[str, Any] | None = None
    contacts: Contacts | None = None
    channel: Any = None
    ticket: TicketItem | None = None
    ticket_part: Part | None = None
    contact: ContactItem | None = None


class TrackedItem(msgspec.Struct, gc=False):
    """An act in the product that the firm's own code told Intercom of."""

    event_name: str
    created_at: int | float
    intercom_user_id: Id | None = None
    user_id: Any = None
    email: Any = None


def plain_text(body: Any) -> str | None:
    """A message's HTML as text: a line for every block, no tags, entities resolved."""
    if not isinstance(body, str):
        return None
    text = unescape(_TAG.sub("", _BREAK.sub("\n", body))).replace("\xa0", " ")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line) or None
