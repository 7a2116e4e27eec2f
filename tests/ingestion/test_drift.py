"""Schema drift on a real broker: whatever changes at a sender ends as a decision that is written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from ingestion.app import INGESTION_GROUP
from ingestion.contracts.event import decode_event
from ingestion.contracts.raw import ALERTS_TOPIC, EVENTS_TOPIC, QUARANTINE_TOPIC, RAW_TOPICS
from ingestion.errors import Retry
from ingestion.framing import Resolve, unasked
from ingestion.gate import BatchGate
from ingestion.kafka import AlignedConsumer, DurableProducer, read_topic
from ingestion.metrics import GateMetrics, IngestionMetrics
from ingestion.quarantine import failure_of
from ingestion.schema_registry import SchemaRegistry
from ingestion.worker import IngestionWorker, publish_verdicts
from quality.verdict import Action, Verdict
from tests.ingestion.registry_server import serving
from tests.ingestion.sources.samples import CANONICAL_CHAT, SEGMENT_PAGE
from tests.ingestion.test_schema_registry import CHAT, SUBJECT, framed
from tests.ingestion.test_worker import PARTITIONS, TENANT, Stage

A_WINDOW = 500  # messages, of which 31 or 32 are sampled


class Watch:
    """A worker whose windows end when the test says so, with alerts on the broker."""

    def __init__(self, stage: Stage, schemas: Resolve = unasked) -> None:
        self._stage = stage
        self._consumer = AlignedConsumer(stage.bootstrap, INGESTION_GROUP, list(RAW_TOPICS))
        self._producer = DurableProducer(stage.bootstrap)
        publish = publish_verdicts(self._producer, GateMetrics(CollectorRegistry()))
        self._gate = BatchGate(publish, lambda: datetime.now(UTC), rows=10**6)
        self._worker = IngestionWorker(
            self._consumer,
            self._producer,
            stage.pipeline(),
            TENANT,
            self._gate,
            IngestionMetrics(CollectorRegistry()),
            events_partitions=PARTITIONS,
            schemas=schemas,
        )

    def window(self, **changed: Any) -> None:
        """A window of page views, with these fields changed, and without those that are `...`."""
        for _ in range(A_WINDOW):
            stamp = {"messageId": f"m-{self._stage.raw.sent}", "timestamp": "2026-03-01T09:00:00Z"}
            body = {name: value for name, value in (SEGMENT_PAGE | stamp | changed).items() if value is not ...}
            self._stage.raw.send("raw.product", "segment", "cookie", body)
        self._stage.raw.producer.flush()
        self.work()
        self._gate.judge()
        self._producer.flush()

    def work(self) -> None:
        """Until nothing is left."""
        while self._worker.step(self._consumer.poll(5_000, 0.3)) or not self._consumer.assignment or self._stage.lag():
            pass

    def findings(self) -> list[tuple[str, str]]:
        """What was said on the topic `alerts`: expectation and observation."""
        said = read_topic(self._stage.bootstrap, ALERTS_TOPIC)
        verdicts = [msgspec.json.decode(record.value, type=Verdict) for record in said]
        assert {verdict.action for verdict in verdicts} <= {Action.WARN}
        return [(finding.expectation, finding.observed) for verdict in verdicts for finding in verdict.findings]

    def close(self) -> None:
        self._consumer.close()
        self._producer.close()


@pytest.fixture
def stage(empty_kafka: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    yield stage
    stage.close()


@pytest.fixture
def watch(stage: Stage) -> Iterator[Watch]:
    """A worker that has seen three ordinary windows of a sender, and found nothing about it."""
    watch = Watch(stage)
    for _ in range(3):
        watch.window()
    assert watch.findings() == []
    yield watch
    watch.close()


@pytest.mark.parametrize(
    ("changed", "expectation", "observed"),
    [
        ({"surprise": 1}, "table columns to match set", "unexpected: segment.surprise"),
        ({"version": ...}, "table columns to match set", "missing: segment.version"),
        ({"version": "2"}, "table columns to match set", "unexpected: segment.version as string"),
        ({"context": None}, "null_change: between -0.2 and 0.2", "rows: segment.context"),
    ],
    ids=["added", "removed", "retyped", "emptied"],
)
def test_a_changed_field_is_an_alert_that_names_source_and_field(
    watch: Watch, changed: dict[str, Any], expectation: str, observed: str
) -> None:
    watch.window(**changed)
    [found] = watch.findings()
    assert found[0] == expectation
    assert observed in found[1]


def test_an_event_of_an_unknown_version_lies_in_quarantine_under_that_name(stage: Stage) -> None:
    stage.raw.send("raw.product", "canonical", "c-1", CANONICAL_CHAT | {"id": "old"})
    stage.raw.send("raw.product", "canonical", "c-1", CANONICAL_CHAT | {"dataschema": "leadline.interaction/2-0-0"})
    stage.raw.producer.flush()
    stage.work()
    [event] = map(decode_event, (record.value for record in read_topic(stage.bootstrap, EVENTS_TOPIC)))
    assert event.id.endswith("old")
    [failure] = map(failure_of, read_topic(stage.bootstrap, QUARANTINE_TOPIC))
    assert failure.type == "UnknownVersion"
    assert "got 'leadline.interaction/2-0-0', expected leadline.interaction/1-0-x" in failure.message


def test_an_outage_of_the_schema_registry_is_waited_out_and_unknown_schemas_are_set_aside(stage: Stage) -> None:
    with serving() as registry:
        allowed, client = registry.register(SUBJECT), SchemaRegistry(registry.url, [SUBJECT])
        values = [framed(allowed, CHAT), framed(9, CHAT)]
        for value in values:
            stage.raw.send("raw.product", "canonical", "c-1", value)
        stage.raw.producer.flush()
        registry.instead = (503, b"")
        watch = Watch(stage, client.resolve)
        with pytest.raises(Retry):
            watch.work()
        watch.close()
        assert read_topic(stage.bootstrap, QUARANTINE_TOPIC) == read_topic(stage.bootstrap, EVENTS_TOPIC) == []
        registry.instead = None
        watch = Watch(stage, client.resolve)
        watch.work()
        watch.close()
        client.close()
    [event] = map(decode_event, (record.value for record in read_topic(stage.bootstrap, EVENTS_TOPIC)))
    assert event.id.endswith(CANONICAL_CHAT["id"])
    [record] = read_topic(stage.bootstrap, QUARANTINE_TOPIC)
    assert failure_of(record).type == "UnknownVersion"
    assert record.value == values[1]
