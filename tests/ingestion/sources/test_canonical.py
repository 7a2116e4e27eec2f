"""Publishers that speak the canonical contract."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from ingestion.contracts.event import Channel, Draft, EventType, ObjectRef
from ingestion.errors import ContractBroken, Quarantine, UnknownVersion
from ingestion.sources import canonical
from ingestion.sources.adapter import SourceContext
from ingestion.sources.canonical import Published
from ingestion.sources.versions import Readers
from tests.ingestion.sources.reading import RECEIVED, TENANT, cookie, email, read_one, reason
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
        ({"dataschema": "leadline.interaction/1-1-0"}, UnknownVersion, "expected leadline.interaction/1-0-x"),
        ({"dataschema": "leadline.interaction/1-0"}, UnknownVersion, "'leadline.interaction/1-0'"),
        ({"dataschema": "acme.interaction/1-0-0"}, UnknownVersion, "'acme.interaction/1-0-0'"),
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


class NextPublished(Published, kw_only=True):
    """A revision as it might come: a channel more, and a field that readers of 1-0 do not know."""

    channel: Literal["web", "voice"]  # type: ignore[assignment]
    seconds: int = 0


def read_1_1(element: msgspec.Raw, context: SourceContext) -> Draft:
    sent = msgspec.json.decode(element, type=NextPublished)
    known = msgspec.to_builtins(sent) | {"channel": "outbound", "properties": {"seconds": sent.seconds}}
    return canonical.read_1_0(msgspec.Raw(msgspec.json.encode(known)), context)


BOTH = Readers("leadline.interaction", {(1, 0): canonical.read_1_0, (1, 1): read_1_1})


def test_old_and_new_revisions_flow_side_by_side_each_with_its_own_reader() -> None:
    context = SourceContext(TENANT, "chat", RECEIVED, "/t/demo/canonical/chat")
    new = CANONICAL_CHAT | {"dataschema": "leadline.interaction/1-1-3", "channel": "voice", "seconds": 40}
    drafts = [
        BOTH.of(body["dataschema"])(msgspec.Raw(msgspec.json.encode(body)), context)
        for body in (CANONICAL_CHAT, new, CANONICAL_CHAT)
    ]
    assert [draft.channel for draft in drafts] == [Channel.CHAT, Channel.OUTBOUND, Channel.CHAT]
    assert [draft.properties for draft in drafts] == [{"messages": 3}, {"seconds": 40}, {"messages": 3}]
    with pytest.raises(UnknownVersion, match=r"expected leadline.interaction/1-0-x, leadline.interaction/1-1-x"):
        BOTH.of("leadline.interaction/2-0-0")


def test_a_reader_of_the_old_revision_never_meets_the_new_one() -> None:
    found = reason("canonical", CANONICAL_CHAT | {"dataschema": "leadline.interaction/1-1-3", "channel": "voice"})
    assert type(found) is UnknownVersion
