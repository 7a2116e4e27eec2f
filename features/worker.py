"""The feature worker: canonical events to served rows, exactly one history row for each.

Invariant: a micro-batch is decided by its commit to the history; the online store, the sends and Kafka's offsets follow
and are repeated after a crash (ADR 6).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from features.clock import micros
from features.errors import NotBackfilled
from features.feature_set import FeatureSet
from features.gate import FeatureGate
from features.history import ACCOUNT, LEAD, OUTBOX, HistoryRow, HistoryTable
from features.lineage.jobs import Folded, untold
from features.metrics import FeatureMetrics
from features.micro_batch import MicroBatch
from features.parting import Held
from features.rebuild import restore
from features.records import SET, Change, Outgoing
from features.store import OnlineStore
from features.stored import stored_entries
from ingestion.contracts.event import RecordKind, encode_json
from ingestion.contracts.raw import CHANGES_TOPIC, EVENTS_TOPIC
from ingestion.kafka import AlignedConsumer, DurableProducer, Record, partition_for
from ingestion.worker import CrashPoint, never

log = logging.getLogger(__name__)

BATCH_RECORDS = 10_000
POLL_SECONDS = 0.1


class FeatureWorker:
    """One member of the group over `events`; the only writer of its partitions' leads and accounts."""

    def __init__(
        self,
        producer: DurableProducer,
        online: OnlineStore,
        history: HistoryTable,
        features: FeatureSet,
        gate: FeatureGate,
        metrics: FeatureMetrics,
        held: Held,
        *,
        partitions: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        crash_point: CrashPoint = never,
        folded: Folded = untold,
    ) -> None:
        self._producer = producer
        self._online = online
        self._history = history
        self._features = features
        self._gate = gate
        self._metrics = metrics
        self._held = held
        self._partitions = partitions
        self._clock = clock
        self._crash_point = crash_point
        self._folded = folded
        self._owned: set[int] = set()
        self._entries = stored_entries(online, history, online.is_whole)
        self._stamp = 0

    def run(self, consumer: AlignedConsumer, stop: threading.Event) -> None:
        """Work until told to stop; finishes the batch at hand.

        Raises:
            Stop: a person must look; nothing was served that is not in the history.
            Retry: a store or the broker refused; start again.
        """
        while not stop.is_set():
            records = consumer.poll(BATCH_RECORDS, POLL_SECONDS)
            if records:
                self.handle(records)
                consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
                self._metrics.lag.set(consumer.lag())
            else:
                self._gate.judge_if_due()

    def assigned(self, partitions: Sequence[tuple[str, int]], consumer: AlignedConsumer) -> None:
        """Take partitions over: repeat what their last commit still owes, and go on behind it.

        Raises:
            NotBackfilled: the set is only half filled, or the topic no longer has what happened before.
        """
        self._entries.clear()
        if self._history.is_half_backfilled():
            raise NotBackfilled(self._features.service, "is only half filled")
        covered: dict[tuple[str, int], int] = {}
        for topic, partition in partitions:
            offset, rows = self._history.take_over(partition)
            self._owned.add(partition)
            self._repeat(rows)
            # The history decides, not the committed offset: without one, everything is folded again.
            consumer.seek(
                topic, partition, self._beginning(topic, partition, consumer) if offset is None else offset + 1
            )
            if offset is not None:
                covered[topic, partition] = offset + 1
        self._producer.flush()
        consumer.commit(covered)  # else a group that crashed before it would seem to lag until something new came

    def revoked(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Forget partitions that another worker takes over."""
        self._entries.clear()
        for _, partition in partitions:
            self._owned.discard(partition)
            self._history.let_go(partition)

    def handle(self, records: Sequence[Record]) -> None:
        """One micro-batch, from records to readable rows."""
        began = time.perf_counter()
        now = self._clock()
        self._entries.trim()
        owned = frozenset(self._owned)
        batch = MicroBatch(self._entries, self._features, owned, self._partitions, now, self._held)
        batch.fold(records)
        self._crash_point("folded")
        self._gate.observe(batch, now)
        self._stamp = max(self._stamp + 1, micros(now))
        offsets = {record.partition: record.offset for record in records}
        self._history.append(batch.rows, offsets, self._stamp)
        self._crash_point("history")
        self._online.write(batch.leads.values())
        self._online.write_accounts(batch.accounts.values())
        self._crash_point("online")
        for outgoing in batch.outgoing:
            self._send(outgoing)
        live = set(batch.live_leads)
        for row in batch.leads.values():
            self._announce(Change(row.key, row.known_at, row.key not in live))
        self._producer.flush()
        self._crash_point("sent")
        self._count(records, batch, time.perf_counter() - began)
        self._folded(records, len(batch.rows))

    def _beginning(self, topic: str, partition: int, consumer: AlignedConsumer) -> int:
        beginning = consumer.beginning(topic, partition)
        if beginning > 0:
            why = f"has no history, and {topic}/{partition} no longer holds what is before offset {beginning}"
            raise NotBackfilled(self._features.service, why)
        return beginning

    def _repeat(self, rows: Sequence[HistoryRow]) -> None:
        """Write online what is not there yet of a commit, and send its records again. Receivers know repetitions."""
        leads = {row.key: row for row in sorted(rows, key=lambda row: row.sequence) if row.entity == LEAD}
        served = self._online.read(list(leads))
        restore(self._online, rows)
        for row, now in zip(leads.values(), served, strict=True):
            if now is None or now.sequence < row.sequence:
                self._announce(Change(row.key, row.known_at))
        for row in rows:
            if row.entity == OUTBOX and row.forward is not None:
                self._send(Outgoing(RecordKind(row.forward), row.key, row.row, row.sequence))

    def _send(self, outgoing: Outgoing) -> None:
        self._producer.send(
            EVENTS_TOPIC,
            partition=partition_for(outgoing.key, self._partitions),
            key=outgoing.key,
            value=outgoing.value,
            headers={"record": outgoing.kind.value, SET: self._features.service},
            timestamp_ms=outgoing.timestamp_ms,
        )

    def _announce(self, change: Change) -> None:
        self._producer.send(CHANGES_TOPIC, key=change.lead, value=encode_json(change))

    def _count(self, records: Sequence[Record], batch: MicroBatch, seconds: float) -> None:
        metrics = self._metrics
        metrics.records.inc(len(records))
        metrics.batch_seconds.observe(seconds)
        for entity in (LEAD, ACCOUNT):
            metrics.rows.labels(entity).inc(sum(row.entity == entity for row in batch.rows))
        if batch.live_leads:
            readable = self._clock().timestamp()
            metrics.freshness_seconds.observe(max(0.0, readable - records[0].timestamp_ms / 1000))
