"""Zendesk's event webhooks: one JSON object a message, about a ticket, a user or an organisation.

Reference: developer.zendesk.com/api-reference/webhooks/event-types (ticket, user, organization events). A ticket names
its requester by id only; user events tie that id to an e-mail address, and so does a user as the API answers it
(developer.zendesk.com/api-reference/ticketing/users/users), fetched for the requester of a ticket:

    {"account_id": "88888888", "answer": {"user": {"id": 20978392, "email": "…", "updated_at": "…", …}}}

Ids in `detail` are strings, "0" or "" for none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ingestion.contracts.event import AccountHint, Actor, Channel, Claim, Draft, EventType, IdentifierType, ObjectRef
from ingestion.errors import ContractBroken, UnknownVersion
from ingestion.sources.adapter import Source, SourceContext
from ingestion.sources.fields import (
    Id,
    Moment,
    Number,
    claim,
    content_id,
    from_moment,
    is_staff,
    named,
    plain_id,
    tag_of,
    text_of,
)
from ingestion.sources.split import one_or_many

SOURCE = Source(
    system="zendesk",
    sender="Zendesk's event webhooks; fetched users",
    topic="raw.support",
    makes=(
        EventType.TICKET_CREATED,
        EventType.TICKET_CHANGED,
        EventType.TICKET_SOLVED,
        EventType.IDENTITY_LINK,
        EventType.CONTACT_DELETED,
        EventType.ACCOUNT_CHANGED,
    ),
    dedupe="id; of a fetched user what is read of it, and updated_at",
    ordering="not promised; event.meta.sequence orders the events of one update",
    leaves_out={"comments of agents, private comments": "not the lead's words"},
    about=("detail.id", "answer.user.id"),
)

VERSIONS = ("2022-06-20", "2022-11-06")
_SOLVED = frozenset({"solved", "closed"})
_DELETED = frozenset({"soft_deleted", "permanently_deleted", "marked_as_spam"})
_NO_ID = frozenset({"", "0"})


class Via(msgspec.Struct, gc=False):
    """How a ticket came in."""

    channel: Any = None


class Detail(msgspec.Struct, gc=False):
    """The ticket, user or organisation after the event, as far as it is read."""

    id: Id
    # ticket
    status: str | None = None
    priority: str | None = None
    requester_id: str | int | None = None
    actor_id: str | int | None = None
    organization_id: str | int | None = None
    subject: str | None = None
    description: str | None = None
    via: Via | None = None
    # user
    email: str | None = None
    external_id: str | int | None = None
    role: str | None = None
    # user and organisation
    name: str | None = None


class Author(msgspec.Struct, gc=False):
    """Who wrote a comment."""

    is_staff: bool = False


class Comment(msgspec.Struct, gc=False):
    """`event.comment` of comment_added."""

    body: str | None = None
    is_public: bool = True
    author: Author | None = None


class Order(msgspec.Struct, gc=False):
    """Order among the events of one update."""

    id: str
    position: int


class Meta(msgspec.Struct, gc=False):
    """`event.meta`."""

    sequence: Order | None = None


class What(msgspec.Struct, gc=False):
    """`event`: what changed."""

    current: Any = None
    comment: Comment | None = None
    meta: Meta | None = None


class Notice(msgspec.Struct, gc=False):
    """The envelope."""

    type: str
    account_id: Number
    id: str
    time: Moment
    zendesk_event_version: str
    detail: Detail
    event: What = msgspec.field(default_factory=What)


class User(Detail, kw_only=True, gc=False):
    """The API's user."""

    updated_at: Moment


class Answer(msgspec.Struct, gc=False):
    """The API's answer."""

    user: User


class Fetched(msgspec.Struct, gc=False):
    """A fetched user, and what the answer does not say."""

    account_id: Number
    answer: Answer


class _Peek(msgspec.Struct, gc=False):
    answer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


elements: Callable[[bytes], Sequence[msgspec.Raw]] = one_or_many
_decode = msgspec.json.Decoder(Notice).decode
_decode_fetched = msgspec.json.Decoder(Fetched).decode
_peek = msgspec.json.Decoder(_Peek).decode


def draft(element: msgspec.Raw, context: SourceContext) -> Draft:
    """Maps one event; raises `UnknownVersion` for another event version."""
    if _peek(element).answer is not msgspec.UNSET:
        return _fetched(element, context)
    notice = _decode(element)
    if notice.zendesk_event_version not in VERSIONS:
        version = named(notice.zendesk_event_version)
        raise UnknownVersion(f"zendesk_event_version: got {version}, expected one of {', '.join(VERSIONS)}")
    # The documentation also writes `zen:event-type/user.merged`.
    kind, _, action = notice.type.replace("/", ":").removeprefix("zen:event-type:").partition(".")
    if kind == "ticket" and action:
        return _ticket(notice, action, context)
    if kind == "user" and action:
        return _user(notice, action, context)
    if kind == "organization" and action:
        return _organization(notice, context)
    expected = "zen:event-type:ticket.*, user.* or organization.*"
    raise ContractBroken(f"type: got {named(notice.type)}, expected {expected}")


def _fetched(element: msgspec.Raw, context: SourceContext) -> Draft:
    """A user as it stands. Fetched again, it is the same event unless it has changed."""
    fetched = _decode_fetched(element)
    user, account = fetched.answer.user, fetched.account_id
    content = msgspec.Raw(msgspec.json.encode(user))
    id_ = content_id(context, f"{account}:user", str(user.id), user.updated_at, content)
    return _user(Notice("", account, id_, user.updated_at, VERSIONS[-1], user), "fetched", context)


def _ticket(notice: Notice, action: str, context: SourceContext) -> Draft:
    ticket, what = notice.detail, notice.event
    status = (ticket.status or "").lower()
    if action in ("status_changed", "custom_status_changed") and isinstance(what.current, str):
        status = what.current.lower() if action == "status_changed" else status
    if action in _DELETED:
        status = "deleted"
    type_ = EventType.TICKET_CREATED if action == "created" else EventType.TICKET_CHANGED
    if action == "status_changed" and status in _SOLVED:
        type_ = EventType.TICKET_SOLVED
    properties: dict[str, Any] = {}
    if word := tag_of(status):
        properties["status"] = word
    if priority := tag_of(ticket.priority):
        properties["priority"] = priority.lower()
    if via := tag_of(ticket.via.channel if ticket.via else None):
        properties["via"] = via.lower()
    if type_ is EventType.TICKET_CHANGED:
        properties["action"] = tag_of(action) or "changed"
    organization = _id(ticket.organization_id)
    return _draft(
        notice,
        context,
        type_,
        ObjectRef("ticket", plain_id(ticket.id)),
        claims=_requester(notice),
        account=AccountHint(crm_id=f"zendesk:{notice.account_id}:organization:{plain_id(organization)}")
        if organization
        else None,
        properties=properties,
        text=_text(notice, action),
        actor=_actor(notice, action),
    )


def _text(notice: Notice, action: str) -> str | None:
    if action == "created":
        parts = (text_of(notice.detail.subject), text_of(notice.detail.description))
        return "\n\n".join(part for part in parts if part) or None
    comment = notice.event.comment
    if (
        action != "comment_added"
        or comment is None
        or not comment.is_public
        or (comment.author and comment.author.is_staff)
    ):
        return None
    return text_of(comment.body)


def _actor(notice: Notice, action: str) -> Actor:
    """The requester opens and comments; whoever else changes a ticket is an agent or a rule."""
    if action == "created":
        return Actor.USER
    comment = notice.event.comment
    if action == "comment_added" and comment is not None and comment.author is not None:
        return Actor.STAFF if comment.author.is_staff else Actor.USER
    acting = _id(notice.detail.actor_id)
    return Actor.USER if acting and acting == _id(notice.detail.requester_id) else Actor.STAFF


def _user(notice: Notice, action: str, context: SourceContext) -> Draft:
    user = notice.detail
    email = text_of(user.email)
    claims: tuple[Claim, ...] = (Claim(IdentifierType.CRM, str(user.id), True, f"zendesk:{notice.account_id}:user"),)
    claims += claim(IdentifierType.EMAIL, email, verified=True)
    if context.tenant.product_scope is not None:
        claims += claim(IdentifierType.USER_ID, user.external_id, verified=True, scope=context.tenant.product_scope)
    private = {"email": email} if email else {}
    if name := text_of(user.name):
        private["name"] = name
    is_agent = (user.role or "end-user") != "end-user" or is_staff(email, context)
    return _draft(
        notice,
        context,
        EventType.CONTACT_DELETED if action == "deleted" else EventType.IDENTITY_LINK,
        ObjectRef("user", plain_id(user.id)),
        claims=claims,
        private=private,
        actor=Actor.STAFF if is_agent else Actor.USER,
    )


def _organization(notice: Notice, context: SourceContext) -> Draft:
    crm_id = f"zendesk:{notice.account_id}:organization:{plain_id(notice.detail.id)}"
    return _draft(
        notice,
        context,
        EventType.ACCOUNT_CHANGED,
        ObjectRef("organization", plain_id(notice.detail.id)),
        account=AccountHint(crm_id=crm_id, name=tag_of(notice.detail.name)),
        actor=Actor.STAFF,
    )


def requester_of(notice: Notice) -> str | None:
    """The id of the user who opened a ticket, if the event is about one that has a requester."""
    return _id(notice.detail.requester_id)


def _requester(notice: Notice) -> tuple[Claim, ...]:
    requester = requester_of(notice)
    if requester is None:
        return ()
    return (Claim(IdentifierType.CRM, requester, True, f"zendesk:{notice.account_id}:user"),)


def _id(value: str | int | None) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text in _NO_ID else text


def _draft(
    notice: Notice,
    context: SourceContext,
    type_: EventType,
    about: ObjectRef,
    *,
    claims: tuple[Claim, ...] = (),
    account: AccountHint | None = None,
    properties: dict[str, Any] | None = None,
    private: dict[str, str] | None = None,
    text: str | None = None,
    actor: Actor,
) -> Draft:
    order = notice.event.meta.sequence if notice.event.meta else None
    if not notice.id:
        raise ContractBroken("id: got an empty string, expected the event's id")
    return Draft(
        id=plain_id(notice.id),
        source=context.source,
        type=type_,
        time=from_moment(notice.time, "time"),
        channel=Channel.SUPPORT,
        claims=claims,
        account=account,
        object=about,
        properties=properties or {},
        private=private or {},
        text=text,
        actor=actor,
        sequence=None if order is None else f"{plain_id(order.id)}:{order.position:010d}",
    )
