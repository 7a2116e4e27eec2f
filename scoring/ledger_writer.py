"""Copies the topic `decisions` into the ledger. At least once; a replay writes nothing new."""

from __future__ import annotations

import logging

import msgspec

from ingestion.kafka import AlignedConsumer, Record
from scoring.decision import decode_decision
from scoring.ledger import Entry, Ledger
from scoring.metrics import ScoringMetrics

GROUP = "leadline-ledger"
_MAX_RECORDS = 1000

log = logging.getLogger(__name__)


class LedgerWriter:
    """One member of the group."""

    def __init__(self, consumer: AlignedConsumer, ledger: Ledger, metrics: ScoringMetrics) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._metrics = metrics

    def step(self, timeout: float) -> int:
        """Write the next decisions and commit; how many records were read. Blocks for `timeout` seconds at most
        while there are none."""
        records = self._consumer.poll(_MAX_RECORDS, timeout)
        if records:
            self._ledger.add([entry for record in records if (entry := self._entry(record)) is not None])
            self._consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        return len(records)

    def _entry(self, record: Record) -> Entry | None:
        try:
            decision = decode_decision(record.value)
            return Entry(decision, record.value.decode(), record.topic, record.partition, record.offset)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # Never a reason to stop: the record stays on the topic, and the ledger is its index.
            log.error("%s/%d offset %d is no decision: %s", record.topic, record.partition, record.offset, error)
            self._metrics.skipped.labels("ledger").inc()
            return None
