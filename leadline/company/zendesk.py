"""Zendesk webhook events of the support desk: one JSON object a message.

Headers: `source-system: zendesk`, `source-account: 12514403`. Key: the ticket's or user's id.

    {"type": "zen:event-type:ticket.created", "account_id": 12514403, "id": "01HN…", "time": "2025-04-17T17:18:10Z",
     "zendesk_event_version": "2022-11-06", "subject": "zen:ticket:35436",
     "detail": {"id": "35436", "status": "NEW", "priority": "URGENT", "requester_id": "20978392", "submitter_id": "…",
       "organization_id": "0", "external_id": "", "subject": "Help", "description": "free text", "tags": [],
       "type": "question", "via": {"channel": "web"}, "is_public": true, "created_at": "…", "updated_at": "…"},
     "event": {"meta": {"sequence": {"id": "01H…", "position": 1, "total": 1}}}}
    {…, "type": "zen:event-type:ticket.status_changed", "event": {"current": "SOLVED", "previous": "OPEN", "meta": …}}
    {…, "type": "zen:event-type:ticket.priority_changed", "event": {"current": "HIGH", "previous": "NORMAL", …}}
    {"type": "zen:event-type:user.created", …, "zendesk_event_version": "2022-06-20", "subject": "zen:user:20978392",
     "detail": {"id": "20978392", "email": "jo@acme.com", "external_id": "u_82…" or "", "role": "end-user",
       "organization_id": "0", "default_group_id": "0", "created_at": "…", "updated_at": "…"}, "event": {}}

A ticket names its requester by id only; `user.created` links that id to the e-mail (and, for a product user, to the
user id in `external_id`). Ticket ids in `detail` are strings; status and priority are upper case.
"""

from __future__ import annotations

from typing import Any

from leadline.company import firm
from leadline.company.dice import Ids
from leadline.company.wire import Element, Identifier, iso_s
from leadline.company.world import Person


def new_requester_id(ids: Ids) -> str:
    return str(ids.number("zendesk user", 6_596_848_315_901))


def new_ticket_id(ids: Ids) -> str:
    return str(ids.number("zendesk ticket", 35_436))


def user_created(ids: Ids, person: Person, at: float) -> Element:
    """Links the requester id to the e-mail address."""
    external = person.user_id or ""
    body = _head(ids, "user.created", at, f"zen:user:{person.requester_id}", "2022-06-20")
    body["detail"] = {
        "id": person.requester_id,
        "email": person.email,
        "external_id": external,
        "role": "end-user",
        "organization_id": "0",
        "default_group_id": "0",
        "created_at": body["time"],
        "updated_at": body["time"],
    }
    identifiers: tuple[Identifier, ...] = (("crm", firm.REQUESTER_SCOPE, person.requester_id),)
    if not person.is_mailbox:
        identifiers += (("email", "", person.email),)
    if external:
        identifiers += (("user_id", firm.WORKSPACE, external),)
    return Element("zendesk", person.requester_id, body, at, person.number, identifiers, person.flag)


def ticket_created(ids: Ids, person: Person, at: float, ticket: str, subject: str, text: str, priority: str) -> Element:
    return _ticket(ids, person, at, "ticket.created", ticket, subject, text, priority, "NEW", {})


def status_changed(
    ids: Ids, person: Person, at: float, ticket: str, subject: str, text: str, priority: str, status: tuple[str, str]
) -> Element:
    """`status` is (previous, current)."""
    change = {"current": status[1], "previous": status[0]}
    return _ticket(ids, person, at, "ticket.status_changed", ticket, subject, text, priority, status[1], change)


def priority_changed(
    ids: Ids, person: Person, at: float, ticket: str, subject: str, text: str, priority: tuple[str, str]
) -> Element:
    """`priority` is (previous, current)."""
    change = {"current": priority[1], "previous": priority[0]}
    return _ticket(ids, person, at, "ticket.priority_changed", ticket, subject, text, priority[1], "OPEN", change)


def _ticket(
    ids: Ids,
    person: Person,
    at: float,
    kind: str,
    ticket: str,
    subject: str,
    text: str,
    priority: str,
    status: str,
    change: dict[str, Any],
) -> Element:
    body = _head(ids, kind, at, f"zen:ticket:{ticket}", "2022-11-06")
    body["detail"] = {
        "id": ticket,
        "status": status,
        "priority": priority,
        "requester_id": person.requester_id,
        "submitter_id": person.requester_id,
        "organization_id": "0",
        "external_id": "",
        "subject": subject,
        "description": text,
        "tags": [],
        "type": "question",
        "via": {"channel": "web"},
        "is_public": True,
        "created_at": body["time"],
        "updated_at": body["time"],
    }
    sequence = {"id": ids.ulid(), "position": 1, "total": 1}
    body["event"] = change | {"meta": {"sequence": sequence}}
    identifiers = (("crm", firm.REQUESTER_SCOPE, person.requester_id),)
    return Element("zendesk", ticket, body, at, person.number, identifiers, person.flag)


def _head(ids: Ids, kind: str, at: float, subject: str, version: str) -> dict[str, Any]:
    return {
        "type": f"zen:event-type:{kind}",
        "account_id": firm.ZENDESK_ACCOUNT,
        "id": ids.ulid(),
        "time": iso_s(at),
        "zendesk_event_version": version,
        "subject": subject,
        "detail": {},
        "event": {},
    }
