"""The ingestion gate: rows refused for their own sake, windows judged against the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ingestion.contracts.event import Channel, Claim, Draft, EventType, IdentifierType
from ingestion.contracts.raw import CONTENT_TYPE, SOURCE_SYSTEM, RawMessage
from ingestion.decode import read
from ingestion.errors import ContractBroken, GateRefused, GateStopped
from ingestion.gate import BatchGate, RowGate, admit, row_of
from ingestion.sources.adapter import Tenant
from quality.verdict import Action, Verdict
from tests.ingestion.sources.samples import SEGMENT_PAGE

START = datetime(2025, 11, 1, tzinfo=UTC)
TENANT = Tenant("demo")


class Clock:
    """A clock that only the test turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def draft(**changes: Any) -> Draft:
    whole = Draft(
        id="e-1",
        source="/t/demo/segment/web",
        type=EventType.WEB_PAGE_VIEWED,
        time=START,
        channel=Channel.WEB,
        claims=(Claim(IdentifierType.ANONYMOUS_ID, "cookie"),),
    )
    return msgspec.structs.replace(whole, **changes)


def message(number: int, body: dict[str, Any] | bytes, system: str = "segment") -> RawMessage:
    value = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {SOURCE_SYSTEM: system, CONTENT_TYPE: "application/json"}
    received = START + timedelta(milliseconds=10 * number)
    return RawMessage("raw.product", 0, number, None, value, headers, received)


def page(number: int, **fields: Any) -> RawMessage:
    stamp = START.isoformat()
    return message(number, SEGMENT_PAGE | {"messageId": f"m-{number}", "timestamp": stamp} | fields)


def feed(gate: BatchGate, clock: Clock, messages: list[RawMessage]) -> None:
    for raw in messages:
        admit(raw, read(raw, TENANT), RowGate(), gate)
    clock.now += timedelta(seconds=30)
    gate.judge_if_due()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"properties": {"x": "y" * 40_000}}, "properties_bytes is 40008; expected"),
        ({"text": "x" * 20_001}, "text_chars is 20001; expected"),
        ({"claims": (Claim(IdentifierType.PHONE, "1"),) * 51}, "claims is 51; expected"),
        ({"time": datetime(1999, 12, 31, tzinfo=UTC)}, "time is"),
    ],
)
def test_event_out_of_limits_is_refused_with_the_size_and_the_limit(changes: dict[str, Any], named: str) -> None:
    refusal = RowGate().refusal(row_of(draft(**changes), START))
    assert isinstance(refusal, GateRefused)
    assert named in str(refusal)


def test_ordinary_late_and_future_events_are_admitted() -> None:
    gate = RowGate()
    for time in (START, START - timedelta(days=4_000), START + timedelta(days=900)):
        assert gate.refusal(row_of(draft(time=time), START)) is None
    assert gate.refusal(row_of(draft(claims=()), START)) is None


def test_admit_keeps_order_and_the_reasons_that_decoding_gave() -> None:
    broken = ContractBroken("id: missing")
    good, long = draft(), draft(text="x" * 30_000)
    admitted = admit(page(0), [broken, long, good], RowGate())
    assert admitted[0] is broken
    assert isinstance(admitted[1], GateRefused)
    assert admitted[2] is good


def test_ordinary_windows_pass_and_each_gives_two_verdicts() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock)
    for window in range(3):
        feed(gate, clock, [page(window * 1_000 + n) for n in range(300)])
    assert [verdict.suite for verdict in verdicts] == ["ingestion_rows@1-0-0", "ingestion_sources@1"] * 3
    assert [verdict.action for verdict in verdicts] == [Action.PASS] * 6
    assert verdicts[0].rows == 300


def test_window_ends_with_its_rows_but_not_too_often() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock, rows=100, at_most_every=timedelta(seconds=2))
    for number in range(200):
        admit(page(number), read(page(number), TENANT), RowGate(), gate)
        gate.judge_if_due()
    assert verdicts == []
    clock.now += timedelta(seconds=2)
    gate.judge_if_due()
    assert verdicts[0].rows == 200


def test_a_window_without_events_says_nothing() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock)
    clock.now += timedelta(hours=1)
    gate.judge_if_due()
    assert verdicts == []


def test_nameless_and_late_events_are_warned_of() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock)
    late = [draft(claims=(), time=START - timedelta(days=30))] * 50
    admit(page(0), late, RowGate(), gate)
    gate.judge()
    assert [finding.expectation for finding in verdicts[0].findings] == [
        "lag_seconds: between -300.0 and 604800.0",
        "claims: not be null",
    ]
    assert verdicts[0].action is Action.WARN


def test_new_and_vanished_fields_of_a_sender_are_named() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock, rows=10_000)
    for window in range(3):
        feed(gate, clock, [page(window * 1_000 + n) for n in range(600)])
    changed = [page(9_000 + n, surprise=1) for n in range(600)]
    without = [message(n.offset, msgspec.json.encode(_without(n, "version"))) for n in changed]
    feed(gate, clock, without)
    finding = verdicts[-1].findings[0]
    assert finding.observed == "missing: segment.version; unexpected: segment.surprise"
    assert finding.action is Action.WARN


def _without(raw: RawMessage, field: str) -> dict[str, Any]:
    return {name: value for name, value in msgspec.json.decode(raw.value).items() if name != field}


def test_a_sender_that_nearly_falls_silent_is_named() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock, rows=10_000)

    def both(window: int, pages: int) -> list[RawMessage]:
        desk = [message(window * 1_000 + n, b"{}", "zendesk") for n in (0, 999)]
        return [*desk, *(page(window * 1_000 + n) for n in range(pages))]

    for window in range(3):
        feed(gate, clock, both(window, 900))
    feed(gate, clock, both(3, 30))
    [finding] = verdicts[-1].findings
    assert finding.expectation == "volume: between 0.1 and 10.0"
    assert finding.observed.endswith("rows: segment")


def test_a_retyped_field_and_one_that_falls_silent_are_named_by_sender_and_field() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock, rows=10_000)
    for window in range(3):
        feed(gate, clock, [page(window * 1_000 + n) for n in range(600)])
    feed(gate, clock, [page(9_000 + n, version="2", context=None) for n in range(600)])
    nulls, types = verdicts[-1].findings
    assert nulls.expectation == "null_change: between -0.2 and 0.2"
    assert nulls.observed.endswith("rows: segment.context")
    assert types.observed == "unexpected: segment.version as string"


def test_stage_stops_where_most_of_what_arrives_is_refused() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock)
    bad = [message(n, b"{}") for n in range(300)]
    feed(gate, clock, bad)
    assert verdicts[-1].action is Action.STOP
    with pytest.raises(GateStopped, match="stage_refused_share"):
        admit(page(1), read(page(1), TENANT), RowGate(), gate)


def test_few_bad_messages_stop_nothing() -> None:
    clock, verdicts = Clock(), list[Verdict]()
    gate = BatchGate(verdicts.append, clock)
    feed(gate, clock, [message(n, b"{}") for n in range(50)])
    admit(page(1), read(page(1), TENANT), RowGate(), gate)
    assert verdicts[-1].action is Action.PASS
