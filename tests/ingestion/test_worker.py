"""The worker on a real broker: every element becomes exactly one of three things, whatever happens meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, func, select

from ingestion import duplicates
from ingestion.app import INGESTION_GROUP
from ingestion.contracts.event import Event, LeadMerged, RecordKind, decode_event, decode_merge
from ingestion.contracts.raw import (
    ALERTS_TOPIC,
    EVENTS_TOPIC,
    IDENTITY_TOPIC,
    QUARANTINE_TOPIC,
    RAW_TOPICS,
)
from ingestion.database import metadata, open_database
from ingestion.decode import read
from ingestion.element import elements_of
from ingestion.gate import BatchGate, RowGate, admit
from ingestion.identity import IdentityStore
from ingestion.identity.lists import Lists, packaged_lists
from ingestion.identity.resolve import MAX_DEGREE
from ingestion.identity.tables import identifiers
from ingestion.kafka import AlignedConsumer, DurableProducer, Record, create_topics, group_lag, partition_for
from ingestion.metrics import GateMetrics, IngestionMetrics
from ingestion.pipeline import Pipeline
from ingestion.privacy import Vault
from ingestion.quarantine import failure_of
from ingestion.sources.adapter import Tenant
from ingestion.worker import CrashPoint, IngestionWorker, never, publish_verdicts, raw_of
from quality.verdict import Action, Verdict
from tests.conftest import free_port, wait_until
from tests.ingestion.rawstream import RawStream

KEY = bytes(range(32))
PARTITIONS = 3
TENANT = Tenant("demo")


class Crash(BaseException):
    """The process ends here."""


class Stage:
    """Topics, a store, and workers on them, one after the other."""

    def __init__(self, bootstrap: str, url: str) -> None:
        self.bootstrap = bootstrap
        self.engine = open_database(url)
        metadata.create_all(self.engine)
        create_topics(
            bootstrap,
            {
                **dict.fromkeys(RAW_TOPICS, 2),
                EVENTS_TOPIC: PARTITIONS,
                QUARANTINE_TOPIC: 1,
                IDENTITY_TOPIC: 1,
                ALERTS_TOPIC: 1,
            },
        )
        self.raw = RawStream(DurableProducer(bootstrap))
        self.lists = packaged_lists()

    def pipeline(self, engine: Engine | None = None) -> Pipeline:
        engine = engine or self.engine
        return Pipeline(engine, IdentityStore(engine, KEY, self.lists), Vault(engine, KEY), TENANT.name)

    def work(
        self,
        crash_point: CrashPoint = never,
        at_once: int = 500,
        tracer: Tracer | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """Run one worker until nothing is left, or until it crashes."""
        registry = registry or CollectorRegistry()
        pipeline = self.pipeline()
        consumer = AlignedConsumer(self.bootstrap, INGESTION_GROUP, list(RAW_TOPICS), reached=pipeline.reached)
        producer = DurableProducer(self.bootstrap)
        worker = IngestionWorker(
            consumer,
            producer,
            pipeline,
            TENANT,
            BatchGate(lambda _: None, lambda: datetime.now(UTC), every=timedelta(hours=1)),
            IngestionMetrics(registry),
            events_partitions=PARTITIONS,
            alert=publish_verdicts(producer, GateMetrics(registry)),
            tracer=tracer,
            crash_point=crash_point,
        )
        try:
            while True:
                done = worker.step(consumer.poll(at_once, 0.3))
                if done is None and consumer.assignment and not self.lag():
                    return
        finally:
            consumer.close()
            producer.close()

    def rewind(self) -> None:
        """Commit the offsets before everything."""
        consumer = AlignedConsumer(self.bootstrap, INGESTION_GROUP, list(RAW_TOPICS))
        while not consumer.assignment:
            consumer.poll(1, 0.2)
        consumer.commit(dict.fromkeys(consumer.assignment, 0))
        consumer.close()

    def lag(self) -> int:
        """Raw messages whose consequences are not known to be durable."""
        return group_lag(self.bootstrap, INGESTION_GROUP, list(RAW_TOPICS))

    def read(self, topic: str, group: str = "reader") -> list[Record]:
        """Everything on a topic."""
        consumer = AlignedConsumer(self.bootstrap, group, [topic])
        records: list[Record] = []
        while not consumer.assignment or consumer.lag():
            records += consumer.poll(10_000, 0.2)
        consumer.close()
        return records

    def duplicates(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(duplicates.duplicates)).scalar_one()

    def close(self) -> None:
        self.raw.producer.close()
        self.engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def stage(request: pytest.FixtureRequest, empty_kafka: str, tmp_path: Path) -> Iterator[Stage]:
    url = f"sqlite:///{tmp_path}/leadline.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    stage = Stage(empty_kafka, url)
    yield stage
    stage.close()


def _name_of(record: Record) -> tuple[str, int, str]:
    """What a message on `events` is, whichever time it was sent."""
    found = _decoded(record)
    return found.raw.stream, found.raw.position, found.absorbed if isinstance(found, LeadMerged) else ""


def _decoded(record: Record) -> Event | LeadMerged:
    is_event = record.headers["record"] == RecordKind.EVENT
    return decode_event(record.value) if is_event else decode_merge(record.value)


def _unsealed(found: Event | LeadMerged) -> Event | LeadMerged:
    """Without the ciphertext, which depends on the store's random keys."""
    return msgspec.structs.replace(found, private=None) if isinstance(found, Event) else found


def _expected(stage: Stage) -> dict[tuple[str, int, str], Event | LeadMerged]:
    """The same stream through the pipeline alone, in one batch, on another store."""
    records = [record for topic in RAW_TOPICS for record in stage.read(topic, "expected")]
    records.sort(key=lambda each: (each.timestamp_ms, each.topic, each.partition, each.offset))
    raws = [raw_of(record) for record in records]
    engine = open_database("sqlite://")
    metadata.create_all(engine)
    gate = RowGate()
    outcome = stage.pipeline(engine).resolve(
        [element for raw in raws for element in elements_of(raw, admit(raw, read(raw, TENANT), gate))]
    )
    engine.dispose()
    sent = [
        Record(EVENTS_TOPIC, 0, 0, None, emission.value, {"record": emission.kind.value}, 0)
        for emission in outcome.emissions
    ]
    return {_name_of(record): _unsealed(_decoded(record)) for record in sent}


def _check(stage: Stage) -> None:
    """Every element became one thing, and that thing is the same whatever happened on the way."""
    records = stage.read(EVENTS_TOPIC)
    by_name: dict[tuple[str, int, str], set[bytes]] = {}
    for record in records:
        by_name.setdefault(_name_of(record), set()).add(record.value)
    assert all(len(values) == 1 for values in by_name.values()), "a replay sent other bytes"
    assert {_name_of(record): _unsealed(_decoded(record)) for record in records} == _expected(stage)

    refused = {(f.topic, f.partition, f.offset, f.index) for f in map(failure_of, stage.read(QUARANTINE_TOPIC))}
    events = sum(1 for *_, absorbed in by_name if not absorbed)
    assert events + len(refused) + stage.duplicates() == stage.raw.elements

    merges = {absorbed for *_, absorbed in by_name if absorbed}
    assert {record.key for record in stage.read(IDENTITY_TOPIC)} == {absorbed.encode() for absorbed in merges}
    _check_places(records)


def _check_places(records: list[Record]) -> None:
    firsts: dict[tuple[str, int, str], Record] = {}
    for record in records:
        firsts.setdefault(_name_of(record), record)
    at_rest: dict[str, tuple[int, int]] = {}
    for record in firsts.values():
        found = _decoded(record)
        assert record.timestamp_ms == int(found.receivedtime.timestamp() * 1000)
        if isinstance(found, LeadMerged):
            at_rest[found.absorbed] = (record.partition, record.offset)
        else:
            assert record.partition == partition_for(found.partitionkey, PARTITIONS)
            assert record.key == found.partitionkey.encode()
    for record in firsts.values():
        found = _decoded(record)
        if isinstance(found, Event) and found.lead in at_rest:
            assert (record.partition, record.offset) < at_rest[found.lead], "an event after its lead was absorbed"
            assert record.partition == at_rest[found.lead][0]


def test_every_element_becomes_exactly_one_thing(stage: Stage) -> None:
    stage.raw.mixed(seed=1, people=40)
    stage.work()
    _check(stage)


def test_a_second_run_over_everything_changes_nothing(stage: Stage) -> None:
    stage.raw.mixed(seed=2, people=15)
    stage.work()
    dropped = stage.duplicates()
    stage.rewind()
    stage.work(at_once=7)
    assert stage.duplicates() == dropped
    _check(stage)


def test_a_replay_after_the_lists_changed_sends_the_same_events(stage: Stage) -> None:
    stage.raw.mixed(seed=2, people=15)
    stage.work()
    stage.rewind()
    everybody = frozenset(f"p{person}" for person in range(15))
    packaged, stage.lists = stage.lists, Lists(everybody, frozenset({"company1.com"}), frozenset({"company2.com"}))
    stage.work()
    stage.lists = packaged
    _check(stage)


@pytest.mark.parametrize("seed", range(3))
def test_crashes_at_any_point_change_nothing(stage: Stage, seed: int) -> None:
    rng = random.Random(seed)
    stage.raw.mixed(seed=seed, people=25)
    crashed: Counter[str] = Counter()

    def crash(point: str) -> None:
        if sum(crashed.values()) < 8 and rng.random() < 0.3:
            crashed[point] += 1
            raise Crash

    while True:
        try:
            stage.work(crash, at_once=rng.randint(3, 15))
            break
        except Crash:
            continue
    assert sum(crashed.values()) >= 4
    _check(stage)


def _refusals(registry: CollectorRegistry) -> dict[str, float]:
    return {
        sample.labels["reason"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "leadline_identity_conflicts_total"
    }


def test_a_cookie_of_too_many_people_is_an_alert_and_counted(stage: Stage) -> None:
    idle = CollectorRegistry()
    stage.work(registry=idle)
    assert _refusals(idle) == {"shared by too many persons": 0}, "an alert on its rise would miss the first"
    for person in range(MAX_DEGREE + 2):
        stage.raw.identify("kiosk", f"user-{person}", f"p{person}@company{person}.com")
    stage.raw.producer.flush()
    registry = CollectorRegistry()
    stage.work(registry=registry)
    (alert,) = (msgspec.json.decode(record.value, type=Verdict) for record in stage.read(ALERTS_TOPIC))
    (finding,) = alert.findings
    with stage.engine.connect() as connection:
        shared = connection.execute(select(identifiers.c.hash).where(identifiers.c.shared)).scalar_one()
    assert (alert.suite, alert.stage, alert.action) == ("identity", "ingestion", Action.WARN)
    assert shared in finding.observed
    assert "leadline identity conflicts" in finding.observed
    assert _refusals(registry) == {
        "shared by too many persons": 1,
        "a cookie or deal that already belongs to another person": MAX_DEGREE - 1,
    }


def test_refused_bytes_lie_in_quarantine_as_they_came(stage: Stage) -> None:
    stage.raw.poison(b'{"id": \xff}')
    stage.raw.producer.flush()
    stage.work()
    (record,) = stage.read(QUARANTINE_TOPIC)
    failure = failure_of(record)
    assert record.value == b'{"id": \xff}'
    assert record.key == b"poison"
    assert (failure.type, failure.source_system, failure.offset, failure.index) == ("Undecodable", "web-form", 0, 0)
    assert "UTF-8" in failure.message
    assert record.headers["source-account"] == "northlight"


def test_an_array_of_poison_does_not_fill_the_broker(stage: Stage) -> None:
    body = b"[" + b",".join([b"1"] * 20_000) + b"]"
    stage.raw.poison(body)
    stage.raw.producer.flush()
    stage.work()
    records = stage.read(QUARANTINE_TOPIC)
    assert {failure_of(record).index for record in records} == set(range(20_000))
    assert records[0].value == body
    assert sum(len(record.value) for record in records) <= 4 * 1024 * 1024
    assert records[-1].headers["raw-body"] == "omitted"


def test_personal_data_is_sealed_and_the_event_names_nobody(stage: Stage) -> None:
    stage.raw.identify("cookie-1", "user-1", "jo.doe@acme.com")
    stage.raw.producer.flush()
    stage.work()
    (record,) = stage.read(EVENTS_TOPIC)
    assert b"jo.doe" not in record.value
    assert b"Jo Doe" not in record.value
    event = decode_event(record.value)
    assert event.private is not None
    assert Vault(stage.engine, KEY).open(event.lead, event.private)["email"] == "jo.doe@acme.com"
    assert "email" in event.pii_fields


def test_a_senders_clock_that_runs_ahead_is_clamped_and_flagged(stage: Stage) -> None:
    stage.raw.minute += 60
    ahead = stage.raw.minute
    stage.raw.visit("cookie-1")
    body = stage.raw.bodies[-1][3]
    stage.raw.minute = 0
    received = stage.raw.send("raw.product", "segment", "cookie-1", body.replace(b"page-0", b"page-x"))
    stage.raw.producer.flush()
    stage.work()
    by_id = {event.id: event for event in map(decode_event, (r.value for r in stage.read(EVENTS_TOPIC)))}
    assert ahead == 60
    assert by_id["page-x"].time == received == by_id["page-x"].receivedtime
    assert by_id["page-x"].clamped
    assert not by_id["page-0"].clamped


CHILD = """
import signal, sys, threading
from ingestion.app import run_ingestion
from ingestion.settings import load
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run_ingestion(load(), stop)
"""


def test_a_killed_process_is_replaced_and_a_told_one_leaves_cleanly(empty_kafka: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/leadline.db"
    stage = Stage(empty_kafka, url)
    port = free_port()
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": empty_kafka,
        "LEADLINE_DATABASE_URL": url,
        "LEADLINE_IDENTITY_KEY": KEY.hex(),
        "LEADLINE_MASTER_KEY": KEY.hex(),
        "LEADLINE_METRICS_PORT": str(port),
    }

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(CHILD)], env=environment)

    def left() -> int:
        return group_lag(empty_kafka, INGESTION_GROUP, list(RAW_TOPICS))

    stage.raw.mixed(seed=5, people=300)
    before = left()
    child = start()
    wait_until(lambda: left() < before, "the first worker to work", 60)
    child.kill()
    child.wait()
    stage.raw.mixed(seed=6, people=20)
    child = start()
    try:
        wait_until(lambda: left() == 0, "the second worker to finish", 60)
        for path in ("metrics", "healthz"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                assert b"leadline_events_total" in answer.read()
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0
        assert time.monotonic() - began < 10
    finally:
        child.kill()
        child.wait()
    _check(stage)
    stage.close()
