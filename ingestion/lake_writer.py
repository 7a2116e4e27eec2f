"""The lake writer: canonical events, merges and splits from `events` to the Delta table, exactly once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import msgspec
import pandas  # noqa: F401  # pyarrow loads it with its first array: at the start, not within the first batch
from deltalake.exceptions import CommitFailedError
from opentelemetry.trace import SpanKind, Tracer

from ingestion.contracts.event import RecordKind
from ingestion.contracts.forwards import decode_forwarding
from ingestion.errors import Fenced
from ingestion.kafka import AlignedConsumer, Record
from ingestion.lake import EventsTable, Row, decode_envelope, event_row, forwarding_row
from ingestion.metrics import LakeMetrics
from ingestion.tracing import link, traced

log = logging.getLogger(__name__)

BATCH_RECORDS = 10_000
POLL_SECONDS = 0.25
COMMIT_SECONDS = 1.0  # at least this long between two commits of a quiet stream: each is a file and a log entry
STORED = frozenset({RecordKind.EVENT.value, RecordKind.MERGE.value, RecordKind.SPLIT.value})


class _Traced(msgspec.Struct):
    traceparent: str | None = None


_decode_traced = msgspec.json.Decoder(_Traced).decode


class LakeWriter:
    """One member of the lake's consumer group.

    A mark per (events partition, kind of record, raw partition) says what has been appended. A partition's turn grows
    with each commit for it: where another has raised it, the marks that are remembered here no longer hold.
    """

    def __init__(self, table: EventsTable) -> None:
        self._table = table
        self._marks: dict[str, int] = {}
        self._turns: dict[int, int] = {}  # of the partitions that were written since they were assigned
        self._unsure: set[int] = set()  # of them, for which another writer may have written since

    def assigned(self, _partitions: Sequence[tuple[str, int]]) -> None:
        """Forget what another writer may have raised meanwhile."""
        self._marks.clear()
        self._turns.clear()
        self._unsure.clear()

    def run(
        self, consumer: AlignedConsumer, stop: threading.Event, metrics: LakeMetrics, tracer: Tracer | None = None
    ) -> None:
        """Append until told to stop.

        Raises:
            Fenced: another writer appended for one of our partitions.
            LakeUnwritable: the disk or the object store refused.
        """
        while not stop.is_set():
            records = consumer.poll(BATCH_RECORDS, POLL_SECONDS)
            if records:
                with metrics.batch_seconds.time(), traced(tracer, "append events", SpanKind.CONSUMER) as span:
                    link(span, (_traceparent(record) for record in records))
                    metrics.rows.inc(self.append(records))
                consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
                metrics.lag.set(consumer.lag())
                if len(records) < BATCH_RECORDS:
                    stop.wait(COMMIT_SECONDS)

    def append(self, records: Sequence[Record]) -> int:
        """Append what is new among `records` in one commit; how many rows that were. Raises as `run` does."""
        if self._table.refresh():
            self._unsure.update(self._turns)
        self._require_turns({record.partition for record in records})
        rows: list[Row] = []
        raised: dict[str, int] = {}
        turns: dict[int, int] = {}
        for record in records:
            kind = record.headers.get("record")
            if kind is None or kind not in STORED:
                continue
            if kind == RecordKind.EVENT:
                event = decode_envelope(record.value)
                row, stream, position = event_row(event, record.value), event.raw.stream, event.raw.position
            else:
                ended = decode_forwarding(kind, record.value)
                row, stream, position = forwarding_row(ended, record.value), ended.raw.stream, ended.position
            mark = f"{record.partition}|{kind}|{stream}"
            if position > raised.get(mark, self._mark(mark)):
                raised[mark] = position
                turns[record.partition] = self._turn(record.partition) + 1
                rows.append(row)
        if rows:
            try:
                self._table.append(rows, raised | {_turn_mark(partition): turn for partition, turn in turns.items()})
            except CommitFailedError as error:
                raise Fenced(
                    f"another lake writer appended for the same partitions: {error}; this one stops"
                ) from error
            self._marks |= raised
            self._turns |= turns
        return len(rows)

    def _mark(self, mark: str) -> int:
        if mark not in self._marks:
            version = self._table.version_of(mark)
            self._marks[mark] = -1 if version is None else version
        return self._marks[mark]

    def _turn(self, partition: int) -> int:
        if partition not in self._turns:
            self._turns[partition] = self._table.version_of(_turn_mark(partition)) or 0
        return self._turns[partition]

    def _require_turns(self, partitions: set[int]) -> None:
        for partition in partitions & self._unsure:
            found, turn = self._table.version_of(_turn_mark(partition)) or 0, self._turns[partition]
            if found != turn:
                raise Fenced(
                    f"another lake writer appended for events partition {partition} (turn {found}, here {turn}); "
                    "this one stops"
                )
            self._unsure.discard(partition)


def _turn_mark(partition: int) -> str:
    return f"lake/{partition}/turn"


def _traceparent(record: Record) -> str:
    return _decode_traced(record.value).traceparent or ""
