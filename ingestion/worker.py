"""The ingestion worker: raw messages to canonical events, at least once, with effects that happen once.

Invariant: offsets are committed after everything that follows from the messages is durable, and repeating it changes
nothing (ADR 1).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from ingestion import quarantine
from ingestion.contracts.event import encode_json
from ingestion.contracts.raw import ALERTS_TOPIC, EVENTS_TOPIC, IDENTITY_TOPIC, RECEIVED_TIME, RawMessage
from ingestion.decode import read
from ingestion.gate import BatchGate, RowGate, admit
from ingestion.kafka import AlignedConsumer, DurableProducer, Record, partition_for
from ingestion.metrics import IngestionMetrics
from ingestion.pipeline import Element, Outcome, Pipeline, elements_of
from ingestion.sources.adapter import Tenant
from quality.verdict import Action, Verdict

log = logging.getLogger(__name__)

BATCH_MESSAGES = 5_000
POLL_SECONDS = 0.1

CrashPoint = Callable[[str], None]


def never(_: str) -> None:
    """The crash point of production: nothing happens there. Fault tests pass one that ends the process."""


def raw_of(record: Record) -> RawMessage:
    """A consumed record as a raw message. Without a readable `received-time` header the Kafka timestamp counts."""
    received = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    stated = record.headers.get(RECEIVED_TIME)
    if stated:
        try:
            moment = msgspec.convert(stated, datetime)
            received = moment.astimezone(UTC) if moment.tzinfo else received
        except (msgspec.ValidationError, OverflowError):
            log.warning("%s/%s offset %s: %s is no RFC 3339 time", *record_place(record), RECEIVED_TIME)
    return RawMessage(record.topic, record.partition, record.offset, record.key, record.value, record.headers, received)


def record_place(record: Record) -> tuple[str, int, int]:
    """Topic, partition, offset."""
    return record.topic, record.partition, record.offset


class IngestionWorker:
    """One member of the group over the raw topics."""

    def __init__(
        self,
        consumer: AlignedConsumer,
        producer: DurableProducer,
        pipeline: Pipeline,
        tenant: Tenant,
        gate: BatchGate,
        metrics: IngestionMetrics,
        *,
        events_partitions: int,
        crash_point: CrashPoint = never,
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._pipeline = pipeline
        self._tenant = tenant
        self._rows = RowGate()
        self._gate = gate
        self._metrics = metrics
        self._partitions = events_partitions
        self._crash_point = crash_point

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; finishes the batch at hand.

        Raises:
            Stop: a person must look; nothing was committed that is not done.
            Retry: the broker or the database refused; start again from the committed offsets.
        """
        while not stop.is_set():
            records = self._consumer.poll(BATCH_MESSAGES, POLL_SECONDS)
            if records:
                self.handle(records)
                self._metrics.lag.set(self._consumer.lag())
            else:
                self._gate.judge_if_due()

    def handle(self, records: Sequence[Record]) -> Outcome:
        """One micro-batch, from messages to committed offsets."""
        began = time.perf_counter()
        elements: list[Element] = []
        for record in records:
            raw = raw_of(record)
            outcomes = admit(raw, read(raw, self._tenant), self._rows, self._gate)
            elements += elements_of(raw, outcomes)
            self._metrics.raw_accepted.labels(record.topic).inc()
        self._crash_point("decoded")
        outcome = self._pipeline.resolve(elements)
        self._crash_point("resolved")
        self._send(outcome)
        self._producer.flush()
        self._crash_point("produced")
        self._consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        self._crash_point("committed")
        self._count(outcome, time.perf_counter() - began)
        return outcome

    def _send(self, outcome: Outcome) -> None:
        headers = {kind: {"record": kind.value} for kind in {emission.kind for emission in outcome.emissions}}
        for emission in outcome.emissions:
            self._producer.send(
                EVENTS_TOPIC,
                partition=partition_for(emission.key, self._partitions),
                key=emission.key,
                value=emission.value,
                headers=headers[emission.kind],
                timestamp_ms=emission.timestamp_ms,
            )
        for merge in outcome.merges:
            self._producer.send(IDENTITY_TOPIC, key=merge.absorbed, value=encode_json(merge))
        quarantine.send(self._producer, outcome.quarantined)

    def _count(self, outcome: Outcome, seconds: float) -> None:
        metrics = self._metrics
        metrics.canonical.inc(outcome.canonical)
        metrics.test_or_bot.inc(outcome.test_or_bot)
        metrics.batch_seconds.observe(seconds)
        for element in outcome.quarantined:
            metrics.quarantined.labels(type(element.outcome).__name__).inc()
        for duplicate in outcome.duplicates:
            metrics.duplicates.labels(duplicate.source).inc()
        for merge in outcome.merges:
            metrics.merges.labels(str(merge.joined).lower()).inc()


def publish_verdicts(producer: DurableProducer) -> Callable[[Verdict], None]:
    """A gate's outlet: verdicts that found something go to the topic `alerts`."""

    def publish(verdict: Verdict) -> None:
        if verdict.action is not Action.PASS:
            log.warning("gate %s: %s, %d findings", verdict.suite, verdict.action.value, len(verdict.findings))
            producer.send(ALERTS_TOPIC, key=verdict.suite, value=encode_json(verdict))

    return publish
