"""The ingestion worker: raw messages to canonical events, at least once, with effects that happen once.

Invariant: offsets are committed after everything that follows from the messages is durable, and repeating it changes
nothing (ADR 1).
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec
from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind, Tracer

from ingestion import accounting, conflicts, quarantine
from ingestion.contracts.event import LeadSplit, encode_json
from ingestion.contracts.forwards import Forwarding, ended
from ingestion.contracts.raw import (
    ALERTS_TOPIC,
    EVENTS_TOPIC,
    IDENTITY_TOPIC,
    RECEIVED_TIME,
    REPLAY_OF,
    TRACEPARENT,
    RawMessage,
    Replay,
)
from ingestion.decode import read
from ingestion.element import Element, elements_of
from ingestion.framing import Resolve, unasked
from ingestion.gate import BatchGate, RowGate, admit
from ingestion.identity.ledger import FROZEN
from ingestion.kafka import AlignedConsumer, DurableProducer, Record, partition_for
from ingestion.kafka.record import Partition
from ingestion.metrics import GateMetrics, IngestionMetrics
from ingestion.pipeline import Outcome, Pipeline
from ingestion.sources.adapter import Tenant
from ingestion.tracing import link, traced
from quality.verdict import Action, Verdict

log = logging.getLogger(__name__)

BATCH_MESSAGES = 10_000
POLL_SECONDS = 0.1
_OFFSET = re.compile("[0-9]{1,18}")

CrashPoint = Callable[[str], None]


def never(_: str) -> None:
    """The crash point of production: nothing happens there. Fault tests pass one that ends the process."""


def ignored(_: Verdict) -> None:
    """Nobody is called."""


def raw_of(record: Record) -> RawMessage:
    """A consumed record as a raw message. Without a readable `received-time` header the Kafka timestamp counts."""
    arrived = received = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    stated = record.headers.get(RECEIVED_TIME)
    if stated:
        try:
            moment = msgspec.convert(stated, datetime)
            received = moment.astimezone(UTC) if moment.tzinfo else received
        except (msgspec.ValidationError, OverflowError):
            log.warning("%s/%s offset %s: %s is no RFC 3339 time", *record_place(record), RECEIVED_TIME)
    replay = _replay(record, arrived)
    return RawMessage(
        record.topic, record.partition, record.offset, record.key, record.value, record.headers, received, replay
    )


def _replay(record: Record, sent: datetime) -> Replay | None:
    """Which earlier message of the partition a record says it repeats, if it says so."""
    offset = record.headers.get(REPLAY_OF, "")
    return Replay(int(offset), sent) if _OFFSET.fullmatch(offset) and int(offset) < record.offset else None


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
        alert: Callable[[Verdict], None] = ignored,
        schemas: Resolve = unasked,
        tracer: Tracer | None = None,
        crash_point: CrashPoint = never,
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._pipeline = pipeline
        self._tenant = tenant
        self._rows = RowGate()
        self._gate = gate
        self._metrics = metrics
        metrics.conflicts.labels(conflicts.kind_of(FROZEN))  # 0 from the start: alerts go by its rise
        self._partitions = events_partitions
        self._alert = alert
        self._schemas = schemas
        self._tracer = tracer
        self._crash_point = crash_point
        self._unsettled: dict[Partition, int] = {}  # sent, not known to be durable: the next offsets
        self._unsettled_span: Context | None = None  # of the batch that they end

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; finishes the batch at hand.

        Raises:
            Stop: a person must look; nothing was committed that is not done.
            Retry: the broker, the database or the schema registry refused; start again from the committed offsets.
        """
        while not stop.is_set():
            self.step(self._consumer.poll(BATCH_MESSAGES, 0.0 if self._unsettled else POLL_SECONDS))
        self.settle()

    def step(self, records: Sequence[Record]) -> Outcome | None:
        """Send what follows from one micro-batch; its offsets are committed by the next step or `settle`.

        The broker acknowledges one batch while the next is read: measured, a sixth of the time.
        """
        self._gate.judge_if_due()
        if not records:
            self.settle()
            return None
        began = time.perf_counter()
        with traced(self._tracer, "process raw", SpanKind.CONSUMER) as span:
            link(span, (record.headers.get(TRACEPARENT, "") for record in records))
            with self._timed("read"):
                elements = self._read(records)
            self._crash_point("decoded")
            self.settle()
            with self._timed("resolve"):
                outcome = self._pipeline.resolve(elements)
            self._crash_point("resolved")
            with self._timed("send"):
                self._send(outcome)
            span.set_attributes(_facts(records, outcome))
            self._unsettled_span = get_current()
        self._unsettled = {(record.topic, record.partition): record.offset + 1 for record in records}
        self._count(elements, outcome, time.perf_counter() - began)
        self._metrics.lag.set(self._consumer.lag())
        return outcome

    def settle(self) -> None:
        """Wait until everything that was sent is durable, then commit the offsets behind it."""
        positions, self._unsettled = self._unsettled, {}  # what fails to be sent is never committed
        if positions:
            with self._timed("settle", self._unsettled_span):
                self._producer.flush()
                self._crash_point("produced")
                self._consumer.commit(positions)
            self._crash_point("committed")

    @contextmanager
    def _timed(self, step: str, within: Context | None = None) -> Iterator[None]:
        """A step of a batch, on the histogram and in the trace."""
        began = time.perf_counter()
        with traced(self._tracer, step, within=within):
            yield
        self._metrics.step_seconds.labels(step).observe(time.perf_counter() - began)

    def _read(self, records: Sequence[Record]) -> list[Element]:
        elements: list[Element] = []
        schemas = self._schemas(record.value for record in records)
        for record in records:
            raw = raw_of(record)
            # A replay is no traffic: a window full of it would stop the stage.
            window = self._gate if raw.replay is None else None
            elements += elements_of(raw, admit(raw, read(raw, self._tenant, schemas), self._rows, window))
        for topic, accepted in Counter(record.topic for record in records).items():
            self._metrics.raw_accepted.labels(topic).inc(accepted)
        return elements

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
        for forwarding in outcome.forwardings:
            self._producer.send(IDENTITY_TOPIC, key=ended(forwarding), value=encode_json(forwarding))
        quarantine.send(self._producer, outcome.quarantined)
        verdict = conflicts.verdict_on(outcome.conflicts, len(outcome.good))
        if verdict is not None:  # a crash may swallow it, for a conflict is new once; the review queue keeps it
            self._alert(verdict)

    def _count(self, elements: Sequence[Element], outcome: Outcome, seconds: float) -> None:
        metrics = self._metrics
        metrics.batch_seconds.observe(seconds)
        metrics.test_or_bot.inc(outcome.test_or_bot)
        accounting.count(metrics, elements, outcome)
        for forwarding in outcome.forwardings:
            metrics.forwardings.labels(_why(forwarding)).inc()
        for conflict in outcome.conflicts:
            metrics.conflicts.labels(conflicts.kind_of(conflict.reason)).inc()


def _facts(records: Sequence[Record], outcome: Outcome) -> dict[str, str | int]:
    """What a trace tells of a batch: numbers, nothing of what anybody sent."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": len(records),
        "leadline.events": len(outcome.good),
        "leadline.quarantined": len(outcome.quarantined),
        "leadline.duplicates": len(outcome.duplicates),
    }


def _why(forwarding: Forwarding) -> str:
    if isinstance(forwarding, LeadSplit):
        return "split"
    return "joined" if forwarding.joined else "renamed"


def publish_verdicts(producer: DurableProducer, metrics: GateMetrics) -> Callable[[Verdict], None]:
    """A gate's outlet: verdicts are counted, and those that found something go to the topic `alerts`."""

    def publish(verdict: Verdict) -> None:
        metrics.judged(verdict.suite, verdict.action.value)
        if verdict.action is not Action.PASS:
            log.warning("gate %s: %s, %d findings", verdict.suite, verdict.action.value, len(verdict.findings))
            producer.send(ALERTS_TOPIC, key=verdict.suite, value=encode_json(verdict))

    return publish
