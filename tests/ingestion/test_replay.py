"""The way out of quarantine on a real broker: refused bytes are sent again, and only what was refused is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestion import decode, refused_query
from ingestion.contracts.event import Draft, Event, decode_event
from ingestion.contracts.raw import EVENTS_TOPIC, IMPORTED, QUARANTINE_TOPIC, REPLAY_OF
from ingestion.errors import ContractBroken
from ingestion.kafka import Record
from ingestion.kafka.producer import MAX_MESSAGE_BYTES
from ingestion.quarantine import failure_of
from ingestion.refused_query import Coordinates, Totals, Wanted
from ingestion.replay import replay
from ingestion.sources import ADAPTERS, hubspot
from ingestion.sources.adapter import Adapter, SourceContext
from tests.ingestion.test_worker import Crash, Stage

JOB_TITLE = b"jobtitle"


class Titleless:
    """HubSpot's adapter with a fault: it refuses every job title."""

    SOURCE = hubspot.SOURCE

    def __init__(self, reason: str = "jobtitle: not expected") -> None:
        self._reason = reason

    def elements(self, body: bytes) -> Sequence[msgspec.Raw]:
        return hubspot.elements(body)

    def draft(self, element: msgspec.Raw, context: SourceContext) -> Draft:
        if JOB_TITLE in bytes(element):
            raise ContractBroken(self._reason)
        return hubspot.draft(element, context)


@pytest.fixture(params=["sqlite", "postgres"])
def stage(request: pytest.FixtureRequest, empty_kafka: str, tmp_path: Path) -> Iterator[Stage]:
    url = f"sqlite:///{tmp_path}/leadline.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    stage = Stage(empty_kafka, url)
    yield stage
    stage.close()


def knowing(monkeypatch: pytest.MonkeyPatch, **adapters: Adapter | None) -> None:
    """Which adapters the worker knows, beside the registered ones; None for one that is not registered yet."""
    changed = {name.replace("_", "-"): adapter for name, adapter in adapters.items()}
    known: dict[str, Any] = {**ADAPTERS, **changed}
    monkeypatch.setattr(decode, "ADAPTERS", {name: adapter for name, adapter in known.items() if adapter})


def wanted(stage: Stage, **filters: Any) -> list[refused_query.Refused]:
    with stage.engine.connect() as connection:
        return refused_query.newest(connection, Wanted(**filters), 100_000)


def totals(stage: Stage) -> Totals:
    with stage.engine.connect() as connection:
        return refused_query.totals(connection)


def replay_all(stage: Stage, **filters: Any) -> list[Coordinates]:
    """What `leadline quarantine replay` does; returns the messages that were lost."""
    with stage.engine.connect() as connection:
        messages = refused_query.messages(connection, Wanted(**filters))
    return replay(stage.bootstrap, messages)


def events(stage: Stage, group: str = "events-reader") -> list[Event]:
    """Every event once, by its raw position."""
    found = (record for record in stage.read(EVENTS_TOPIC, group) if record.headers["record"] == "event")
    return list({(e.raw.stream, e.raw.position): e for e in map(decode_event, (r.value for r in found))}.values())


def test_what_an_adapter_reads_that_was_registered_later_passes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    knowing(monkeypatch, hubspot=None)
    stage.raw.contact(1, "jo@acme.com")  # two elements; a body that nobody can split is one
    stage.raw.visit("cookie-1")
    stage.raw.producer.flush()
    stage.work()
    assert totals(stage) == Totals(good=1, duplicates=0, quarantined=1, dropped=0)
    knowing(monkeypatch, hubspot=hubspot)
    assert replay_all(stage) == []
    stage.work()
    assert totals(stage) == Totals(good=3, duplicates=0, quarantined=0, dropped=0)
    passed = [event for event in events(stage) if "hubspot" in event.source]
    assert [event.raw.index for event in sorted(passed, key=lambda event: event.raw.index)] == [0, 1]


def test_a_replay_is_the_same_bytes_on_the_same_partition_and_says_what_it_repeats(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.raw.poison(b'{"id": \xff}')
    stage.raw.producer.flush()
    stage.work()
    (first,) = raw(stage, "before")
    replay_all(stage)
    _, again = raw(stage, "after")
    assert (again.value, again.key, again.partition) == (first.value, first.key, first.partition)
    assert again.headers == first.headers | {REPLAY_OF: str(first.offset)}
    assert again.timestamp_ms > first.timestamp_ms, "retention goes by the time of the replay"
    (found,) = wanted(stage)
    assert found.received.timestamp() * 1000 == first.timestamp_ms


def raw(stage: Stage, group: str) -> list[Record]:
    return stage.read("raw.marketing", group)


def test_of_bodies_with_good_and_refused_elements_the_good_ones_are_applied_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing(monkeypatch, hubspot=Titleless())
    for number in range(5):
        stage.raw.contact(number, f"p{number}@acme.com")
    stage.raw.producer.flush()
    stage.work()
    assert totals(stage) == Totals(good=5, duplicates=0, quarantined=5, dropped=0)
    knowing(monkeypatch)
    replay_all(stage)
    replay_all(stage)  # an impatient operator
    stage.work()
    assert totals(stage) == Totals(good=10, duplicates=0, quarantined=0, dropped=0)
    by_id = Counter(event.id for event in events(stage))
    assert len(by_id) == 10
    assert set(by_id.values()) == {1}


def test_a_replay_that_is_refused_again_lies_under_the_same_coordinates_with_its_new_reason(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing(monkeypatch, hubspot=Titleless())
    stage.raw.contact(1, "jo@acme.com")
    stage.raw.producer.flush()
    stage.work()
    before = wanted(stage)
    knowing(monkeypatch, hubspot=Titleless("jobtitle: still not expected"))
    for _ in range(3):
        replay_all(stage)
        stage.work()
    after = wanted(stage)
    assert [each.at for each in after] == [each.at for each in before]
    assert [each.message for each in after] == ["jobtitle: still not expected"]
    assert totals(stage) == Totals(good=1, duplicates=0, quarantined=1, dropped=0)
    failures = {(f.topic, f.partition, f.offset, f.index) for f in map(failure_of, stage.read(QUARANTINE_TOPIC))}
    at = before[0].at
    assert failures == {(at.topic, at.partition, at.offset, at.index)}


def test_bodies_that_were_left_out_are_found_by_their_first_element(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing(monkeypatch, hubspot=Titleless())
    changes = [hubspot_change(number, "jobtitle", "x" * 200) for number in range(1_500)]
    stage.raw.send("raw.crm", "hubspot", "many", changes, elements=len(changes))
    stage.raw.producer.flush()
    stage.work()
    assert "omitted" in {record.headers.get("raw-body") for record in stage.read(QUARANTINE_TOPIC)}
    knowing(monkeypatch)
    last = max(wanted(stage), key=lambda each: each.at)
    assert replay_all(stage, at=last.at) == []
    stage.work()
    assert totals(stage) == Totals(good=1_500, duplicates=0, quarantined=0, dropped=0)


def hubspot_change(number: int, name: str, value: str) -> dict[str, Any]:
    return {
        "subscriptionId": 1,
        "portalId": 62515,
        "occurredAt": 1_772_355_600_000,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": number,
        "changeSource": "CRM_UI",
        "eventId": 1_000_000 + number,
        "propertyName": name,
        "propertyValue": value,
    }


def test_a_replayed_event_happened_when_it_did_and_is_known_from_the_replay_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing(monkeypatch, segment=None)
    stage.raw.identify("cookie-1", "user-1", "jo@acme.com")
    body = stage.raw.bodies[-1][3]
    headers = {"source-system": "segment", "source-account": "x", IMPORTED: "true"}
    stage.raw.producer.send("raw.product", key="k", value=body.replace(b"identify-", b"imported-"), headers=headers)
    stage.raw.producer.flush()
    stage.work()
    came = [each.received for each in wanted(stage)]
    knowing(monkeypatch)
    replay_all(stage)
    stage.work()
    for event in events(stage):
        assert event.time <= max(came)
        assert event.receivedtime > max(came)
        assert not event.imported, "a replay is news, whatever the first message was"


def test_crashes_while_replays_are_read_change_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    knowing(monkeypatch, hubspot=Titleless(), segment=None)
    stage.raw.mixed(seed=4, people=12)
    stage.work()
    quarantined = totals(stage).quarantined
    knowing(monkeypatch)
    replay_all(stage)
    points = ["decoded", "resolved", "produced", "committed"] * 2

    def crash(point: str) -> None:
        if points and point == points[0]:
            points.pop(0)
            raise Crash

    while True:
        try:
            stage.work(crash, at_once=5)
            break
        except Crash:
            continue
    assert points == []
    after = totals(stage)
    assert quarantined > after.quarantined
    assert after.quarantined == sum(body in POISON_BODIES for *_, body in stage.raw.bodies) + _pairs(stage)
    assert after.accepted == stage.raw.elements
    assert len({event.id for event in events(stage)}) == len(events(stage, "again")) == after.good


POISON_BODIES = {b"{", b"[1,2]", b"\xff\xfe", b"null", b'{"id": 7}'}


def _pairs(stage: Stage) -> int:
    """The second element of each body that has two broken ones."""
    return sum(body == b"[1,2]" for *_, body in stage.raw.bodies)


def test_a_body_that_leaves_no_room_for_its_reason_stops_nobody(stage: Stage) -> None:
    stage.raw.producer.send("raw.product", key="k", value=b"x" * (MAX_MESSAGE_BYTES - 200), headers={})
    stage.raw.visit("cookie-1")
    stage.raw.producer.flush()
    stage.work()
    assert totals(stage) == Totals(good=1, duplicates=0, quarantined=1, dropped=0)
    (record,) = stage.read(QUARANTINE_TOPIC)
    assert record.headers["raw-body"] == "omitted"
    (found,) = wanted(stage)
    assert replay_all(stage) == [found.at.message]
