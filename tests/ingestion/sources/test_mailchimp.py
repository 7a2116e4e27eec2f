"""Mailchimp's documented messages, as they are on the wire, as canonical events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import AccountHint, Actor, Campaign, Consent, Draft, EventType, ObjectRef
from ingestion.contracts.raw import CONTENT_TYPE
from ingestion.errors import ContractBroken, Quarantine, Undecodable
from ingestion.sources.form_encoded import MAX_DEPTH, MAX_FIELDS, json_of_form
from tests.ingestion.sources.reading import email, read_one, reason
from tests.ingestion.sources.samples_engagement import (
    MAILCHIMP_CAMPAIGN,
    MAILCHIMP_CLEANED,
    MAILCHIMP_SUBSCRIBE,
    MAILCHIMP_UPEMAIL,
)

FORM = {CONTENT_TYPE: "application/x-www-form-urlencoded; charset=utf-8"}
WIRE = (
    b"type=subscribe&fired_at=2018-10-25+12%3A02%3A47&data%5Bid%5D=d85679026d&data%5Bemail%5D=jo%40acme.com"
    b"&data%5Bmerges%5D%5BFNAME%5D=Jo%C3%A9&data%5Bmerges%5D%5BGROUPINGS%5D%5B0%5D%5Bname%5D=Interests"
    b"&data%5Blist_id%5D=c85a31383e"
)


def on_the_wire(body: bytes) -> Draft:
    return read_one("mailchimp", body, headers=FORM)


def sent(body: dict[str, Any], **data: Any) -> dict[str, Any]:
    return body | {"data": body["data"] | data}


def test_subscription_is_read_from_the_wire() -> None:
    draft = on_the_wire(WIRE)
    assert (draft.type, draft.consent) == (EventType.CONSENT_CHANGED, Consent("marketing", True))
    assert draft.time == datetime(2018, 10, 25, 12, 2, 47, tzinfo=UTC)
    assert draft.claims == (email("jo@acme.com", verified=False),)
    assert draft.private == {"email": "jo@acme.com", "first_name": "Joé"}
    assert draft.object == ObjectRef("audience", "c85a31383e")


def test_merge_fields_describe_the_subscriber() -> None:
    draft = read_one("mailchimp", MAILCHIMP_SUBSCRIBE)
    assert draft.properties == {"jobtitle": "CTO"}
    assert draft.private == {"email": "jo@acme.com", "first_name": "Jo", "last_name": "Doe"}
    assert draft.account == AccountHint(name="Acme")
    assert draft.text is None


def test_same_body_again_is_the_same_event_and_a_later_one_is_not() -> None:
    assert on_the_wire(WIRE).id == on_the_wire(WIRE).id
    assert on_the_wire(WIRE).id != on_the_wire(WIRE.replace(b"%3A47", b"%3A48")).id


@pytest.mark.parametrize(
    ("reason_", "action", "type_", "consent", "actor"),
    [
        ("manual", "unsub", EventType.EMAIL_UNSUBSCRIBED, False, Actor.USER),
        ("abuse", "unsub", EventType.EMAIL_SPAM, False, Actor.USER),
        ("manual", "delete", EventType.CONTACT_DELETED, None, Actor.STAFF),
        ("abuse", "delete", EventType.EMAIL_SPAM, False, Actor.USER),
    ],
)
def test_leaving_is_a_refusal_unless_an_admin_deleted_the_contact(
    reason_: str, action: str, type_: EventType, consent: bool | None, actor: Actor
) -> None:
    body = sent(MAILCHIMP_SUBSCRIBE, reason=reason_, action=action, campaign_id="cb398d21d2") | {"type": "unsubscribe"}
    draft = read_one("mailchimp", body)
    assert (draft.type, draft.actor) == (type_, actor)
    assert draft.consent == (None if consent is None else Consent("marketing", consent))
    assert draft.campaign == Campaign(name="cb398d21d2")


def test_old_and_new_address_are_one_subscribers() -> None:
    draft = read_one("mailchimp", MAILCHIMP_UPEMAIL)
    assert draft.type is EventType.IDENTITY_LINK
    assert draft.claims == (email("jo@acme.com", verified=True), email("jo@old-acme.com", verified=True))
    assert draft.private == {"email": "jo@acme.com", "previous_email": "jo@old-acme.com"}


def test_cleaned_address_bounced_or_complained() -> None:
    draft = read_one("mailchimp", MAILCHIMP_CLEANED)
    assert (draft.type, draft.actor, draft.consent) == (EventType.EMAIL_BOUNCED, Actor.AUTOMATION, None)
    assert draft.properties == {"bounce": "bounce"}
    assert read_one("mailchimp", sent(MAILCHIMP_CLEANED, reason="abuse")).type is EventType.EMAIL_SPAM


def test_profile_changes_facts() -> None:
    draft = read_one("mailchimp", MAILCHIMP_SUBSCRIBE | {"type": "profile"})
    assert (draft.type, draft.consent) == (EventType.CONTACT_CHANGED, None)
    assert draft.properties == {"jobtitle": "CTO", "action": "updated"}


def test_staff_subscribe_as_staff() -> None:
    assert read_one("mailchimp", sent(MAILCHIMP_SUBSCRIBE, email="eva@northlight-data.com")).actor is Actor.STAFF


def test_nested_names_become_objects() -> None:
    form = json_of_form(b"a=1&a=2&b[x][]=3&b[x][]=4&c[&d[e=5&f=;&%67=%26", {})
    assert msgspec.json.decode(form) == {
        "a": "2",
        "b": {"x": {"0": "3", "1": "4"}},
        "c[": "",
        "d[e": "5",
        "f": ";",
        "g": "&",
    }


@pytest.mark.parametrize(
    ("body", "error", "named"),
    [
        (b"", Undecodable, "body: no field"),
        (b"type=%ff", Undecodable, "a field is not UTF-8"),
        (b"&".join([b"a=1"] * (MAX_FIELDS + 1)), ContractBroken, "more than 500 fields"),
        (b"a" + b"[b]" * MAX_DEPTH + b"=1", ContractBroken, "a field of depth 7, expected at most 6"),
        (b"a=1&a[b]=2", ContractBroken, "a field at depth 2 lies in another field's value"),
        (b"a[b]=2&a=1", ContractBroken, "both a value and fields of its own"),
        (b"type=subscribe&fired_at=2018-10-25&data=x", ContractBroken, "Expected `object`, got `str` - at `$.data`"),
    ],
)
def test_broken_form_is_named(body: bytes, error: type[Quarantine], named: str) -> None:
    found = reason("mailchimp", body, headers=FORM)
    assert type(found) is error
    assert named in str(found)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (MAILCHIMP_CAMPAIGN, "type: got 'campaign', expected subscribe, unsubscribe"),
        (MAILCHIMP_SUBSCRIBE | {"fired_at": "soon"}, "fired_at: got str, expected a date and time"),
        (MAILCHIMP_SUBSCRIBE | {"fired_at": "1999-03-26 21:35:57"}, "fired_at: the year 1999"),
        (sent(MAILCHIMP_CLEANED, email=None), "data.email: got null, expected the subscriber's address"),
        (sent(MAILCHIMP_UPEMAIL, old_email=""), "data.new_email, data.old_email: got null"),
    ],
)
def test_broken_message_is_named(body: dict[str, Any], named: str) -> None:
    found = reason("mailchimp", body)
    assert isinstance(found, ContractBroken)
    assert named in str(found)
