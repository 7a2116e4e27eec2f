"""A row becomes the message that the receiver would have stored, with the knowledge time that the import declares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import Draft
from ingestion.contracts.raw import CONTENT_TYPE, IMPORTED, RECEIVED_TIME, RawMessage
from ingestion.decode import read
from ingestion.errors import Undecodable
from ingestion.importer.known_at import KnownAt
from ingestion.importer.message import Made, MessageMaker
from ingestion.importer.row import CSV, Cells, Columns, Row
from ingestion.sources import ADAPTERS
from tests.ingestion.importer.conftest import TENANT, call

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = datetime(2025, 2, 1, tzinfo=UTC)


def _made(body: Any, known_at: KnownAt, source: str = "segment", number: int = 0) -> Made:
    value = body if isinstance(body, bytes) else msgspec.json.encode(body)
    maker = MessageMaker(ADAPTERS[source], "northlight", TENANT, known_at, BEGAN)
    return maker.make(Row("line 1", value), file=0, number=number, before=BEFORE)


def test_history_was_known_when_it_happened() -> None:
    message, reason = _made(call(5), KnownAt.EVENT_TIME)
    assert reason is None
    assert message.key == "u5"
    assert message.received == datetime(2025, 3, 1, 0, 0, 5, tzinfo=UTC)
    assert message.headers == {
        CONTENT_TYPE: "application/json",
        RECEIVED_TIME: "2025-03-01T00:00:05+00:00",
        IMPORTED: "true",
    }


def test_news_are_known_from_the_imports_beginning_a_microsecond_each() -> None:
    message, _ = _made(call(5), KnownAt.NOW, number=3)
    assert message.headers == {CONTENT_TYPE: "application/json", RECEIVED_TIME: "2026-01-01T00:00:00.000003+00:00"}


@pytest.mark.parametrize("body", [b"{", b"null", b'{"type":"track"}', b'{"type":"dance"}'])
def test_a_row_that_will_be_set_aside_keeps_its_bytes_and_comes_beside_the_row_before_it(body: bytes) -> None:
    message, reason = _made(body, KnownAt.EVENT_TIME)
    assert reason is not None
    assert (message.value, message.received, message.imported) == (body, BEFORE, True)


def test_history_cannot_be_known_later_than_the_import() -> None:
    message, _ = _made(call(5, timestamp="2090-01-01T00:00:00Z"), KnownAt.EVENT_TIME)
    assert message.received == BEGAN


def test_a_row_of_several_events_was_known_when_the_last_had_happened() -> None:
    message, _ = _made({"batch": [call(5), call(9), call(1)]}, KnownAt.EVENT_TIME)
    assert message.received == datetime(2025, 3, 1, 0, 0, 9, tzinfo=UTC)


def test_posthog_itself_says_that_a_body_is_history() -> None:
    event = {"event": "$pageview", "distinct_id": "d1", "timestamp": "2024-01-01T12:00:00Z", "properties": {}}
    for says, imported in [(True, True), (False, False)]:
        message, reason = _made({"historical_migration": says, "batch": [event]}, KnownAt.NOW, source="posthog")
        assert reason is None
        assert message.imported is imported
    assert _made(event, KnownAt.NOW, source="posthog").message.imported is False


@pytest.mark.parametrize("known_at", KnownAt)
def test_ingestion_reads_the_same_of_a_message_as_the_import_did_also_without_id_and_time(known_at: KnownAt) -> None:
    body = {name: value for name, value in call(5).items() if name not in ("messageId", "timestamp")}
    ids = set()
    for _ in range(2):
        message, _ = _made(body, known_at)
        raw = RawMessage("raw.product", 0, 0, None, message.value, {"source-system": "segment"}, message.received)
        (draft,) = read(raw, TENANT)
        assert isinstance(draft, Draft)
        assert draft.time == message.received
        ids.add(draft.id)
    assert len(ids) == 1


def _cells(names: list[str], values: list[Any], source: str) -> tuple[Made, Any]:
    row = Cells(Columns(names), tuple(values)).row("line 2")
    assert isinstance(row, Row)
    maker = MessageMaker(ADAPTERS[source], "northlight", TENANT, KnownAt.EVENT_TIME, BEGAN)
    made = maker.make(row, file=0, number=0, before=BEFORE)
    return made, msgspec.json.decode(made.message.value)


def test_cells_stay_texts_where_the_adapter_does_not_want_otherwise() -> None:
    names = ["type", "messageId", "userId", "event", "timestamp", "properties.seats", "properties.plan", "traits.x"]
    values = ["track", "77", "12345", "Seats Bought", "2025-03-01T00:00:05Z", "12", "", ""]
    made, sent = _cells(names, values, "segment")
    assert made.reason is None
    assert sent == {
        "type": "track",
        "messageId": "77",
        "userId": "12345",
        "event": "Seats Bought",
        "timestamp": "2025-03-01T00:00:05Z",
        "properties": {"seats": "12"},
    }


def test_cells_become_numbers_and_objects_where_the_adapter_wants_them() -> None:
    made, sent = _cells(
        ["email", "event", "sg_event_id", "timestamp", "sg_machine_open"],
        ["jo@acme.com", "open", "e1", "1741000000", "true"],
        "sendgrid",
    )
    assert made.reason is None
    assert made.message.received == datetime.fromtimestamp(1741000000, UTC)
    assert (sent["timestamp"], sent["sg_machine_open"]) == (1741000000, True)
    made, sent = _cells(
        ["event_type", "user_id", "time", "event_properties"],
        ["Report Exported", "12345", "1741000000000", '{"plan": "pro"}'],
        "amplitude",
    )
    assert made.reason is None
    assert sent["event_properties"] == {"plan": "pro"}
    assert (sent["user_id"], sent["time"]) == ("12345", 1741000000000)


def test_a_cell_that_is_not_what_the_adapter_wants_is_its_reason_to_set_the_row_aside() -> None:
    made, sent = _cells(["email", "event", "timestamp"], ["jo@acme.com", "open", "yesterday"], "sendgrid")
    assert "timestamp" in str(made.reason)
    assert "yesterday" not in str(made.reason)
    assert sent["timestamp"] == "yesterday"


def test_a_csv_record_that_is_no_json_is_told_by_its_media_type() -> None:
    maker = MessageMaker(ADAPTERS["segment"], "northlight", TENANT, KnownAt.NOW, BEGAN)
    message, reason = maker.make(Row("line 3", b'"open,3', CSV), file=0, number=0, before=BEFORE)
    assert message.headers[CONTENT_TYPE] == CSV
    assert isinstance(reason, Undecodable)


def test_equal_rows_without_id_and_time_stay_two() -> None:
    first, second = (_made(b"{}", KnownAt.NOW, number=number).message for number in (0, 1))
    assert second.received - first.received == timedelta(microseconds=1)
