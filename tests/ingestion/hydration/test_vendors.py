"""What a message asks for, how it is asked for, and that the vendor's adapter reads the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from ingestion.contracts.event import Draft
from ingestion.contracts.raw import CONTENT_TYPE, SOURCE_ACCOUNT, SOURCE_SYSTEM, RawMessage
from ingestion.decode import subject
from ingestion.hydration import VENDORS
from ingestion.hydration.apis import Api, Owner
from ingestion.hydration.vendor import Wanted
from ingestion.hydration.worker import asks_of
from ingestion.receiver.limits import Bucket
from ingestion.sources import ADAPTERS
from tests.ingestion.hydration.vendors import OBJECTS
from tests.ingestion.sources.reading import read_all
from tests.ingestion.sources.samples import (
    HUBSPOT_CREATION,
    HUBSPOT_DEAL_TO_CONTACT,
    HUBSPOT_MEETING,
    HUBSPOT_STAGE,
    META_LEAD,
    META_WEBHOOK,
    ZENDESK_TICKET,
    ZENDESK_USER,
)
from tests.ingestion.sources.samples_crm import SALESFORCE_GAP, SALESFORCE_LEAD, SALESFORCE_PUBSUB
from tests.ingestion.test_decode import spoilt_bodies

RECEIVED = datetime(2025, 11, 1, tzinfo=UTC)
GAP = SALESFORCE_GAP["data"]["payload"]["ChangeEventHeader"]


def asked(api: Api, body: Any) -> list[Wanted]:
    headers = {SOURCE_SYSTEM: api.vendor.system, SOURCE_ACCOUNT: "northlight", CONTENT_TYPE: "application/json"}
    raw = RawMessage("raw.crm", 0, 7, None, msgspec.json.encode(body), headers, RECEIVED)
    return [ask.about for ask in asks_of(raw, api, RECEIVED.timestamp())]


def gap(**header: Any) -> dict[str, Any]:
    return {"payload": {"ChangeEventHeader": GAP | header}}


@pytest.mark.parametrize(
    ("system", "body", "expected"),
    [
        ("meta-lead-ads", META_WEBHOOK, [Wanted("lead", "1459076748710713")]),
        ("meta-lead-ads", META_LEAD, []),
        ("zendesk", ZENDESK_TICKET, [Wanted("user", "20978392", "88888888")]),
        ("zendesk", ZENDESK_TICKET | {"detail": {"id": "1", "requester_id": "0"}}, []),
        ("zendesk", ZENDESK_USER, []),
        ("hubspot", [HUBSPOT_STAGE], [Wanted("contact", "173595202426", "50687303")]),
        ("hubspot", [HUBSPOT_CREATION | {"subscriptionType": "deal.creation"}], [Wanted("deal", "123", "4737818")]),
        (
            "hubspot",
            [HUBSPOT_CREATION | {"subscriptionType": "object.creation", "objectTypeId": "0-2"}],
            [Wanted("company", "123", "4737818")],
        ),
        ("hubspot", [HUBSPOT_CREATION | {"subscriptionType": "contact.privacyDeletion"}], []),
        ("hubspot", [HUBSPOT_CREATION | {"eventId": 100}], []),
        (
            "hubspot",
            [
                HUBSPOT_CREATION
                | {
                    "subscriptionType": "contact.merge",
                    "primaryObjectId": 123,
                    "mergedObjectIds": [4],
                    "newObjectId": 9,
                }
            ],
            [Wanted("contact", "9", "4737818", anew=True)],
        ),
        ("hubspot", HUBSPOT_DEAL_TO_CONTACT, [Wanted("deal", "9001", "4737818"), Wanted("contact", "123", "4737818")]),
        ("hubspot", HUBSPOT_DEAL_TO_CONTACT | {"associationRemoved": True}, []),
        ("hubspot", HUBSPOT_MEETING, [Wanted("contact", "123", "4737818")]),
        ("salesforce", SALESFORCE_GAP, [Wanted("Event", "00Uxx000000fvRQEAY", anew=True)]),
        ("salesforce", SALESFORCE_PUBSUB, [Wanted("Contact", "0035f00000CpXYZAA3", anew=True)]),
        ("salesforce", SALESFORCE_LEAD, []),
        ("salesforce", gap(changeType="GAP_DELETE"), []),
        ("salesforce", gap(changeType="GAP_OVERFLOW", recordIds=["000000000000000AAA"]), []),
        ("salesforce", gap(recordIds=["001*"]), []),
        ("salesforce", gap(entityName="../../etc"), []),
    ],
)
def test_message_asks_for_what_it_only_names(
    apis: dict[Owner, Api], system: str, body: Any, expected: list[Wanted]
) -> None:
    assert asked(apis[system, "northlight"], body) == expected


def test_each_object_of_a_change_of_many_is_asked_for(apis: dict[Owner, Api]) -> None:
    many = gap(recordIds=["00Uxx000000fvRQEAY", "00Uxx000000fvRREAY"])
    assert [about.id for about in asked(apis["salesforce", "northlight"], many)] == [
        "00Uxx000000fvRQEAY",
        "00Uxx000000fvRREAY",
    ]


@settings(max_examples=400)
@given(spoilt_bodies())
def test_whatever_comes_asks_for_plain_ids_or_nothing(spoilt: tuple[str, Any]) -> None:
    system, body = spoilt
    if vendor := VENDORS.get(system):
        api = Api("acme", vendor, "northlight", "", vendor.version, str, Bucket(1, 1), timedelta(days=1))
        for about in asked(api, body):
            assert f"{about.kind}{about.id}{about.scope}".isalnum()
            assert f"{about.kind}{about.id}{about.scope}".isascii()


@pytest.mark.parametrize(
    ("system", "about", "path"),
    [
        ("meta-lead-ads", Wanted("lead", "1459076748710713"), "/v23.0/1459076748710713"),
        ("hubspot", Wanted("contact", "173595202426", "1"), "/crm/objects/2026-03/contacts/173595202426"),
        ("hubspot", Wanted("company", "9017", "1"), "/crm/objects/2026-03/companies/9017"),
        ("hubspot", Wanted("deal", "9001", "1"), "/crm/objects/2026-03/deals/9001"),
        ("zendesk", Wanted("user", "20978392", "1"), "/api/v2/users/20978392"),
        (
            "salesforce",
            Wanted("Contact", "0035f00000CpXYZAA3"),
            "/services/data/v60.0/sobjects/Contact/0035f00000CpXYZAA3",
        ),
    ],
)
def test_answer_is_read_by_the_adapter_and_keyed_by_its_object(
    apis: dict[Owner, Api], system: str, about: Wanted, path: str
) -> None:
    vendor = VENDORS[system]
    assert vendor.request(about, vendor.version)[0] == path
    answer = msgspec.json.encode(OBJECTS[path])
    body = vendor.wrap(about, answer)
    assert answer in body, "the vendor's bytes are untouched"
    [draft] = read_all(system, body)
    assert isinstance(draft, Draft)
    assert subject(body, {}, ADAPTERS[system]) == about.id
    assert asked(apis[system, "northlight"], msgspec.json.decode(body)) == []


def test_older_versions_of_hubspot_have_other_addresses() -> None:
    path, query = VENDORS["hubspot"].request(Wanted("contact", "1", "2"), "v3")
    assert path == "/crm/v3/objects/contacts/1"
    assert "email" in query["properties"].split(",")


def test_token_of_zendesk_is_basic_with_an_address_and_bearer_without() -> None:
    assert VENDORS["zendesk"].authorize("jo@acme.com/token:abc") == "Basic am9AYWNtZS5jb20vdG9rZW46YWJj"
    assert VENDORS["zendesk"].authorize("oauth") == VENDORS["hubspot"].authorize("oauth") == "Bearer oauth"
