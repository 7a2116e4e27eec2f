"""Messages and elements that must end in quarantine, each kind named.

Invariant: none of them stops a reader: what can be split loses only the bad element, what cannot is one element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec

from leadline.company import chat, firm, forms, hubspot, segment, sendgrid, zendesk
from leadline.company.dice import Ids
from leadline.company.wire import Element, Fate
from leadline.company.world import Person

HUGE = 900_000  # bytes: the broker takes it, the platform's cap does not
DEPTH = 5_000
WHOLE_BODIES = frozenset({"poison_broken_json"})  # bytes of a whole message, also where the vendor sends arrays
UNKNOWN_SYSTEM = "legacy-erp"


def batch(ids: Ids, person: Person, moment: Callable[[], float]) -> Iterator[Element]:
    """One of each kind, about nobody, at moments of the year; `person` lends plausible values."""
    person = replace(person, requester_id=zendesk.new_requester_id(ids))
    for name, element in _kinds(ids, person, moment):
        element.owner, element.identifiers, element.fate = -1, (), Fate.QUARANTINED
        element.planted, element.alone = f"poison_{name}", True
        yield element


def in_array(ids: Ids, person: Person, at: float) -> Element:
    """A HubSpot element with an impossible time; it travels in an array with good ones."""
    element = hubspot.contact_changed(ids, person, at, "jobtitle", "CTO")
    element.body["occurredAt"] = "yesterday"
    element.owner, element.identifiers, element.fate = -1, (), Fate.QUARANTINED
    element.planted = "poison_element_in_array"
    return element


def _kinds(ids: Ids, person: Person, moment: Callable[[], float]) -> Iterator[tuple[str, Element]]:
    cookie = ids.uuid()

    def page() -> Element:
        return segment.page_viewed(ids, person, moment(), "/", "Home", cookie=cookie)

    def contact() -> Element:
        return hubspot.contact_changed(ids, person, moment(), "email", person.email)

    def mail() -> Element:
        return sendgrid.mail_event(ids, person, moment(), "open", ids.token(20), "Product news", address=person.email)

    def talk() -> Element:
        return chat.chat_event(ids, person, moment(), "started", "c-1", cookie=cookie)

    def submission() -> Element:
        return forms.web_form(ids, person, moment(), "ebook", cookie=None, email=person.email)

    def without(element: Element, name: str) -> Element:
        del element.body[name]
        return element

    def having(element: Element, **fields: Any) -> Element:
        element.body = element.body | fields
        return element

    def as_bytes(element: Element, change: Callable[[bytes], bytes]) -> Element:
        element.body = change(msgspec.json.encode(element.body))
        return element

    yield "broken_json", as_bytes(page(), lambda body: body[: len(body) * 2 // 3])
    yield "broken_json", as_bytes(contact(), lambda body: b"[" + body)
    yield "empty_body", as_bytes(page(), lambda _: b"")
    yield "not_an_object", as_bytes(page(), lambda _: b"42")
    yield "not_an_object", as_bytes(submission(), lambda _: b'"hello"')
    yield "not_a_number", as_bytes(page(), lambda body: body.replace(b'"version":2', b'"version":NaN'))
    yield "invalid_utf8", as_bytes(submission(), lambda body: body.replace(b'"name":"', b'"name":"\xff\xfe\xc3'))
    yield "huge", having(submission(), fields={"email": person.email, "message": "A" * HUGE})
    yield "deep_nesting", as_bytes(page(), lambda body: body[:-1] + b',"deep":' + b"[" * DEPTH + b"]" * DEPTH + b"}")

    yield "wrong_type", having(contact(), objectId={"id": 1})
    yield "wrong_type", having(page(), timestamp=["2025"])
    yield "wrong_type", having(page(), properties="none")
    yield "wrong_type", having(mail(), timestamp="soon")
    yield "wrong_type", having(zendesk.user_created(ids, person, moment()), detail="n/a")
    yield "wrong_type", having(forms.meta_lead(ids, person, moment(), "", email=person.email), field_data="none")
    yield "wrong_type", having(talk(), claims="jo@acme.com")

    yield "missing_field", without(contact(), "occurredAt")
    yield "missing_field", without(page(), "type")
    yield "missing_field", without(mail(), "event")
    yield "missing_field", without(zendesk.user_created(ids, person, moment()), "type")
    yield "missing_field", without(forms.meta_lead(ids, person, moment(), "", email=person.email), "id")
    yield "missing_field", without(forms.google_lead(ids, person, moment(), email=person.email), "user_column_data")
    yield "missing_field", without(submission(), "fields")
    yield "missing_field", without(talk(), "time")

    yield "unknown_version", having(talk(), dataschema="leadline.interaction/9-0-0")
    yield "unknown_version", having(talk(), dataschema="acme.interaction/1-0-0")
    yield "unknown_type", having(talk(), type="lead.teleported")

    stranger = submission()
    stranger.system = UNKNOWN_SYSTEM
    yield "unknown_source", stranger


def topic_of(system: str) -> str:
    """The topic a message of this system goes to; strangers push to marketing."""
    return firm.TOPICS.get(system, "raw.marketing")
