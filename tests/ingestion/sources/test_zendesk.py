"""Zendesk's documented events as canonical events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import AccountHint, Actor, EventType, ObjectRef
from ingestion.errors import ContractBroken, Quarantine, UnknownVersion
from ingestion.sources.adapter import Tenant
from tests.ingestion.sources.reading import crm, email, read_one, reason, user
from tests.ingestion.sources.samples import ZENDESK_TICKET, ZENDESK_USER

REQUESTER = crm("zendesk:88888888:user", "20978392")


def ticket(action: str, event: dict[str, Any] | None = None, **detail: Any) -> dict[str, Any]:
    body = ZENDESK_TICKET | {"type": f"zen:event-type:ticket.{action}", "event": event or {}}
    return body | {"detail": ZENDESK_TICKET["detail"] | detail}


def test_ticket_is_its_requesters_with_the_text_sealed() -> None:
    draft = read_one("zendesk", ZENDESK_TICKET)
    assert draft.id == "01HN2ZK6QX"
    assert (draft.type, draft.actor) == (EventType.TICKET_CREATED, Actor.USER)
    assert draft.claims == (REQUESTER,)
    assert draft.object == ObjectRef("ticket", "35436")
    assert draft.properties == {"status": "open", "priority": "urgent", "via": "web"}
    assert draft.account == AccountHint(crm_id="zendesk:88888888:organization:509974")
    assert draft.text == "Help\n\nNothing syncs since Monday"
    assert draft.sequence == "01HN2ZK6QY:0000000001"


def test_no_organisation_is_no_account() -> None:
    for nothing in ("0", "", None, 0):
        assert read_one("zendesk", ticket("created", organization_id=nothing)).account is None


@pytest.mark.parametrize(
    ("action", "current", "type_", "status"),
    [
        ("status_changed", "SOLVED", EventType.TICKET_SOLVED, "solved"),
        ("status_changed", "CLOSED", EventType.TICKET_SOLVED, "closed"),
        ("status_changed", "PENDING", EventType.TICKET_CHANGED, "pending"),
        ("priority_changed", "HIGH", EventType.TICKET_CHANGED, "open"),
        ("soft_deleted", None, EventType.TICKET_CHANGED, "deleted"),
    ],
)
def test_ticket_changes_by_agents_carry_the_new_status(
    action: str, current: str | None, type_: EventType, status: str
) -> None:
    draft = read_one("zendesk", ticket(action, {"current": current, "previous": "OPEN"}))
    assert (draft.type, draft.properties["status"], draft.actor) == (type_, status, Actor.STAFF)
    assert draft.text is None


def test_requesters_public_comment_is_heard_and_an_agents_is_not() -> None:
    comment = {"id": "1", "body": "Still broken", "is_public": True, "author": {"id": "20978392", "is_staff": False}}
    heard = read_one("zendesk", ticket("comment_added", {"comment": comment}))
    assert (heard.text, heard.actor) == ("Still broken", Actor.USER)
    agent = read_one("zendesk", ticket("comment_added", {"comment": comment | {"author": {"is_staff": True}}}))
    assert (agent.text, agent.actor) == (None, Actor.STAFF)
    assert read_one("zendesk", ticket("comment_added", {"comment": comment | {"is_public": False}})).text is None


def test_user_event_ties_the_requester_to_an_address_and_a_product_user() -> None:
    draft = read_one("zendesk", ZENDESK_USER)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims == (REQUESTER, email("jo@acme.com", verified=True), user("u_82"))
    assert draft.private == {"email": "jo@acme.com"}


def test_external_id_is_no_identifier_unless_the_tenant_says_whose() -> None:
    draft = read_one("zendesk", ZENDESK_USER, tenant=Tenant("demo"))
    assert draft.claims == (REQUESTER, email("jo@acme.com", verified=True))


def test_agents_are_staff_and_deleted_users_are_deleted() -> None:
    agent = ZENDESK_USER | {"detail": ZENDESK_USER["detail"] | {"role": "agent"}}
    assert read_one("zendesk", agent).actor is Actor.STAFF
    deleted = ZENDESK_USER | {"type": "zen:event-type:user.deleted"}
    assert read_one("zendesk", deleted).type is EventType.CONTACT_DELETED


def test_both_spellings_of_a_type_are_read() -> None:
    slashed = ZENDESK_USER | {"type": "zen:event-type/user.identity_changed"}
    assert read_one("zendesk", slashed).type is EventType.IDENTITY_LINK


def test_organisation_event_is_about_an_account() -> None:
    body = ZENDESK_USER | {"type": "zen:event-type:organization.created", "detail": {"id": "509974", "name": "Acme"}}
    draft = read_one("zendesk", body)
    assert draft.type is EventType.ACCOUNT_CHANGED
    assert draft.account == AccountHint(None, "zendesk:88888888:organization:509974", "Acme")


@pytest.mark.parametrize(
    ("fields", "error", "named"),
    [
        ({"zendesk_event_version": "2031-01-01"}, UnknownVersion, "got '2031-01-01', expected one of 2022-06-20"),
        ({"type": "zen:event-type:article.published"}, ContractBroken, "'zen:event-type:article.published'"),
        ({"type": "jo@acme.com"}, ContractBroken, "11 characters"),
        ({"id": ""}, ContractBroken, "id: got an empty string"),
        ({"time": "1987-04-17T17:18:10Z"}, ContractBroken, "time: the year 1987"),
        ({"detail": {}}, ContractBroken, "missing required field `id`"),
    ],
)
def test_broken_event_is_named(fields: dict[str, Any], error: type[Quarantine], named: str) -> None:
    found = reason("zendesk", ZENDESK_TICKET | fields)
    assert type(found) is error
    assert named in str(found)


def test_ids_may_be_numbers() -> None:
    numbers = msgspec.json.decode(msgspec.json.encode(ZENDESK_TICKET).replace(b'"20978392"', b"20978392"))
    assert read_one("zendesk", numbers).claims == (REQUESTER,)
