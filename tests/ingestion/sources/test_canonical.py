"""Publishers that speak the canonical contract."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestion import contracts
from ingestion.contracts.event import SCHEMA, Channel, EventType, ObjectRef
from ingestion.errors import ContractBroken, Quarantine, UnknownVersion
from ingestion.sources.canonical import Published
from tests.ingestion.sources.reading import cookie, email, read_one, reason
from tests.ingestion.sources.samples import CANONICAL_CHAT


def test_published_event_is_taken_over() -> None:
    draft = read_one("canonical", CANONICAL_CHAT, "chat")
    assert (draft.id, draft.source) == ("chat-7f3a", "/t/demo/canonical/chat")
    assert (draft.type, draft.channel) == (EventType.CHAT_MESSAGE, Channel.CHAT)
    assert draft.claims == (email("jo@acme.com", verified=True), cookie("0f6d"))
    assert draft.object == ObjectRef("chat", "c-91")
    assert (draft.text, draft.lang) == ("Wie teuer ist das?", "de")
    assert draft.private == {"name": "Jo Doe"}


def test_additions_to_the_contract_are_read_and_unknown_fields_ignored() -> None:
    body = CANONICAL_CHAT | {"dataschema": "leadline.interaction/1-0-7", "novelty": 1}
    assert read_one("canonical", body, "chat") == read_one("canonical", CANONICAL_CHAT, "chat")


def test_two_sources_of_one_publisher_do_not_share_ids() -> None:
    one = read_one("canonical", CANONICAL_CHAT | {"source": "/desk/1"}, "chat")
    other = read_one("canonical", CANONICAL_CHAT | {"source": "/desk/2"}, "chat")
    assert one.source == other.source
    assert one.id != other.id


@pytest.mark.parametrize(
    ("fields", "error", "named"),
    [
        ({"dataschema": "leadline.interaction/9-0-0"}, UnknownVersion, "'leadline.interaction/9-0-0'"),
        ({"dataschema": "leadline.interaction/1-1-0"}, UnknownVersion, "expected leadline.interaction/1-0-0"),
        ({"specversion": "2.0"}, UnknownVersion, "specversion: got '2.0'"),
        ({"type": "lead.teleported"}, ContractBroken, "'lead.teleported' - at `$.type`"),
        ({"id": ""}, ContractBroken, "id: got an empty string"),
        ({"time": "2025-09-25T10:05:28"}, ContractBroken, "timezone component - at `$.time`"),
        ({"claims": [{"type": "event", "value": "x"}]}, ContractBroken, "at `$.claims[0].type`"),
        ({"properties": {"note": ["ask jo@acme.com"]}}, ContractBroken, "properties: holds an e-mail address"),
        ({"change": [{"field": "owner", "new": "jo@acme.com"}]}, ContractBroken, "change: holds an e-mail address"),
    ],
)
def test_broken_event_is_named_without_repeating_a_person(
    fields: dict[str, Any], error: type[Quarantine], named: str
) -> None:
    found = reason("canonical", CANONICAL_CHAT | fields)
    assert type(found) is error
    assert named in str(found)
    assert "jo@acme.com" not in str(found)


def test_published_schema_is_the_contract_that_the_adapter_reads() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA, "title": "Leadline interaction"}
    schema |= msgspec.json.schema(Published)
    written = msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
    file = Path(contracts.__file__).parent / "leadline.interaction-1-0-0.schema.json"
    if os.environ.get("LEADLINE_WRITE_SCHEMA"):
        file.write_bytes(written)
    assert file.read_bytes() == written, "the contract changed: run this test with LEADLINE_WRITE_SCHEMA=1, then look"
