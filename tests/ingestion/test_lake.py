"""The lake holds every event and merge exactly once, whatever is sent or read twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingestion.app import LAKE_GROUP, run_lake
from ingestion.contracts.event import (
    Channel,
    Event,
    EventData,
    EventType,
    LeadMerged,
    RawPointer,
    RecordKind,
    encode_json,
)
from ingestion.contracts.forwards import ended
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.errors import Fenced
from ingestion.kafka import DurableProducer, Record, create_topics, group_lag
from ingestion.lake import EventsTable, read_events, read_forwardings, scan, scan_events
from ingestion.lake_writer import LakeWriter
from ingestion.settings import load

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(number: int, lead: str = "ld_1", account: str | None = None, stream: int = 0) -> Event:
    return Event(
        id=f"event-{stream}-{number}",
        source="/t/demo/segment/x",
        type=EventType.WEB_PAGE_VIEWED,
        time=NOON,
        receivedtime=NOON + timedelta(seconds=number),
        tenant="demo",
        lead=lead,
        partitionkey=account or lead,
        data=EventData(channel=Channel.WEB, properties={"path": "/ü"}),
        raw=RawPointer("raw.product", stream, number, 0, "digest"),
        account=account,
    )


def merge(number: int, absorbed: str, place: int = 0) -> LeadMerged:
    return LeadMerged(
        absorbed=absorbed,
        survivor="ld_9",
        survivor_key="ld_9",
        survivor_account=None,
        joined=True,
        rule="crm~email",
        receivedtime=NOON + timedelta(seconds=number),
        imported=False,
        raw=RawPointer("raw.product", 0, number, 0, "digest"),
        number=place,
    )


def records(things: Sequence[Event | LeadMerged], partition: int = 0) -> list[Record]:
    kinds = [RecordKind.EVENT if isinstance(each, Event) else RecordKind.MERGE for each in things]
    return [
        Record(EVENTS_TOPIC, partition, offset, None, encode_json(each), {"record": kind.value}, 0)
        for offset, (each, kind) in enumerate(zip(things, kinds, strict=True))
    ]


def test_events_and_merges_are_read_back_as_they_were_sent(tmp_path: Path) -> None:
    sent = [event(1), event(2, "ld_2", "ac_1")]
    merges = [merge(2, "ld_3", 0), merge(2, "ld_4", 1)]
    assert LakeWriter(EventsTable(tmp_path)).append(records([*sent, *merges])) == 4
    assert read_events(tmp_path) == sent
    assert read_forwardings(tmp_path) == merges


def test_what_feature_workers_tell_each_other_is_not_stored(tmp_path: Path) -> None:
    others = [
        Record(EVENTS_TOPIC, 0, offset, None, b"anything", {"record": kind.value}, 0)
        for offset, kind in enumerate((RecordKind.HANDOVER, RecordKind.FORWARD))
    ]
    assert LakeWriter(EventsTable(tmp_path)).append(others) == 0
    assert read_events(tmp_path) == []


def test_events_are_found_by_lead_and_by_account_in_the_order_they_were_received(tmp_path: Path) -> None:
    writer = LakeWriter(EventsTable(tmp_path))
    writer.append(records([event(3, "ld_1", "ac_1"), event(4, "ld_2", "ac_1")], partition=0))
    writer.append(records([event(1, "ld_3", stream=1), event(2, "ld_1", stream=1)], partition=1))
    assert [each.id for each in read_events(tmp_path, leads=["ld_1"])] == ["event-1-2", "event-0-3"]
    assert [each.id for each in read_events(tmp_path, accounts=["ac_1"])] == ["event-0-3", "event-0-4"]
    assert len(read_events(tmp_path, leads=["ld_3"], accounts=["ac_1"])) == 3
    assert [each.receivedtime.second for each in scan_events(tmp_path)] == [1, 2, 3, 4]


def test_a_lake_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    assert read_events(tmp_path) == []
    assert read_forwardings(tmp_path) == []


@given(st.data())
@bounds(max_examples=25)
def test_replays_from_any_earlier_place_add_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("lake")
    history = records([event(0), merge(0, "ld_a"), merge(0, "ld_b", 1), event(1), event(2), merge(2, "ld_c")])
    writer, done = LakeWriter(EventsTable(path)), 0
    while done < len(history):
        start = data.draw(st.integers(0, done), label="the producer or the reader goes back to")
        end = data.draw(st.integers(done + 1, len(history)), label="and on to")
        if data.draw(st.booleans(), label="in a new process"):
            writer = LakeWriter(EventsTable(path))
        writer.append(history[start:end])
        done = end
    assert [each.id for each in read_events(path)] == ["event-0-0", "event-0-1", "event-0-2"]
    assert [ended(each) for each in read_forwardings(path)] == ["ld_a", "ld_b", "ld_c"]


def test_a_writer_whose_partition_went_to_another_is_fenced(tmp_path: Path) -> None:
    slow, quick = LakeWriter(EventsTable(tmp_path)), LakeWriter(EventsTable(tmp_path))
    slow.append(records([event(1)]))
    quick.append(records([event(1), event(2)]))
    with pytest.raises(Fenced):
        slow.append(records([event(1), event(2)]))
    assert len(read_events(tmp_path)) == 2


def test_a_writer_that_wakes_up_late_is_fenced_whatever_else_is_in_its_batch(tmp_path: Path) -> None:
    slow, quick = LakeWriter(EventsTable(tmp_path)), LakeWriter(EventsTable(tmp_path))
    slow.append(records([event(1)]))
    quick.append(records([event(1), event(2)]))
    with pytest.raises(Fenced):
        slow.append(records([event(7, stream=5), event(2)]))
    slow.assigned([])
    slow.append(records([event(7, stream=5), event(2)]))
    assert sorted(each.id for each in read_events(tmp_path)) == ["event-0-1", "event-0-2", "event-5-7"]


def test_a_writer_that_lost_its_partition_is_fenced_though_it_wrote_for_another_since(tmp_path: Path) -> None:
    slow, quick = LakeWriter(EventsTable(tmp_path)), LakeWriter(EventsTable(tmp_path))
    slow.append(records([event(1)], partition=0))
    quick.append(records([event(1), event(2)], partition=0))
    slow.append(records([event(1, stream=1)], partition=1))
    with pytest.raises(Fenced):
        slow.append(records([event(2)], partition=0))
    assert [each.id for each in read_events(tmp_path)] == ["event-0-1", "event-1-1", "event-0-2"]


def test_writers_of_different_partitions_do_not_disturb_each_other(tmp_path: Path) -> None:
    one, other = LakeWriter(EventsTable(tmp_path)), LakeWriter(EventsTable(tmp_path))
    for number in range(5):
        one.append(records([event(number)], partition=0))
        other.append(records([event(number, stream=1)], partition=1))
    assert len(read_events(tmp_path)) == 10


def test_rows_are_found_by_type_and_by_the_moment_they_were_known(tmp_path: Path) -> None:
    writer = LakeWriter(EventsTable(tmp_path))
    form = msgspec.structs.replace(event(7, "ld_2"), type=EventType.LEAD_FORM_SUBMITTED)
    writer.append(records([*(event(number, f"ld_{number % 2}") for number in range(6)), form, merge(8, "ld_1")]))

    def found(**wanted: Any) -> list[int]:
        return [int(offset) for offset in scan(tmp_path, columns=["raw_offset"], **wanted)["raw_offset"].to_pylist()]

    assert found(leads=["ld_1"]) == [1, 3, 5]
    assert found(leads=["ld_1", "it's"], known_by=NOON + timedelta(seconds=3)) == [1, 3]
    assert found(leads=["ld_1"], known_by=NOON + timedelta(seconds=3, microseconds=-1)) == [1]
    assert found(types=["lead.form_submitted"]) == [7]
    assert found(newest=3) == [4, 5, 7]
    assert found(leads=[]) == []
    assert scan(tmp_path, leads=["ld_1"], newest=1).to_pylist()[0]["time"] == NOON


def test_the_lake_follows_the_topic(
    empty_kafka: str, tmp_path: Path, eventually: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(empty_kafka, {EVENTS_TOPIC: 3})
    producer = DurableProducer(empty_kafka)

    def send(numbers: range) -> None:
        for number in numbers:
            sent = event(number, f"ld_{number % 3}", stream=number % 3)
            producer.send(
                EVENTS_TOPIC,
                partition=number % 3,
                key=sent.lead,
                value=encode_json(sent),
                headers={"record": RecordKind.EVENT.value},
                timestamp_ms=int(sent.receivedtime.timestamp() * 1000),
            )
        producer.flush()

    environment = {"LEADLINE_HOME": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": empty_kafka}
    for name in ("LEADLINE_IDENTITY_KEY", "LEADLINE_MASTER_KEY"):
        environment[name] = "00" * 32
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load()

    def run_until_drained() -> None:
        stop = threading.Event()
        thread = threading.Thread(target=run_lake, args=(settings, stop, CollectorRegistry()))
        thread.start()
        try:
            eventually(lambda: group_lag(empty_kafka, LAKE_GROUP, [EVENTS_TOPIC]) == 0, "the lake to follow")
        finally:
            stop.set()
            thread.join()

    send(range(300))
    run_until_drained()
    send(range(100, 600))  # an ingestion worker replays
    run_until_drained()
    assert [int(each.id.rpartition("-")[2]) for each in read_events(settings.lake)] == list(range(600))
    producer.close()
