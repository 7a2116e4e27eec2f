"""Reads the free text of events and keeps each lead's newest reading among its features.

Invariant: nothing waits for it. A text that cannot be read leaves the lead `unavailable` (an older reading stays and is
served as stale), and the next text goes on. At least once; the cache makes a replay free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from features.records import Change
from features.rows import EnrichmentRow
from ingestion.contracts.event import Event, EventType, LeadMerged, RecordKind, decode_event, decode_merge, encode_json
from ingestion.contracts.raw import CHANGES_TOPIC
from ingestion.kafka import AlignedConsumer, DurableProducer, Record
from ingestion.pipeline import TEXT
from ingestion.privacy import Sealed, Vault
from scoring.decision import EnrichmentStatus
from scoring.enrichment.reader import Reader
from scoring.errors import NoReading
from scoring.metrics import ScoringMetrics

GROUP = "leadline-enrichment"
_MAX_RECORDS = 500
_AT_ONCE = 8  # readings in flight

log = logging.getLogger(__name__)


class Readings(Protocol):
    """`features.readings.Readings`, as far as it is used here."""

    def read_enrichment(self, leads: Sequence[str]) -> Sequence[EnrichmentRow | None]:
        """The newest readings, in the order of the leads."""
        ...

    def write_enrichment(self, rows: dict[str, EnrichmentRow]) -> None:
        """Replace the leads' readings, each as of its `known_at` or just after the one before it."""
        ...


class EnrichmentWorker:
    """One member of the group."""

    def __init__(
        self,
        consumer: AlignedConsumer,
        store: Readings,
        vault: Vault,
        reader: Reader,
        producer: DurableProducer,
        metrics: ScoringMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._consumer = consumer
        self._store = store
        self._vault = vault
        self._reader = reader
        self._producer = producer
        self._metrics = metrics
        self._clock = clock

    async def step(self, timeout: float) -> int:
        """Read the next texts, move the readings of absorbed leads, commit; how many records were read.

        Blocks for `timeout` seconds at most while there are none.
        """
        records = self._consumer.poll(_MAX_RECORDS, timeout)
        if not records:
            return 0
        texts: dict[str, Event] = {}  # only a lead's newest text is read
        for record in records:
            kind = record.headers.get("record")
            if kind == RecordKind.EVENT:
                event = self._with_text(record)
                if event is not None:
                    texts[event.lead] = event
            elif kind == RecordKind.MERGE:
                merge = decode_merge(record.value)
                await self._read(texts.pop(merge.absorbed, None))
                self._move(merge)
        await self._read(*texts.values())
        self._producer.flush()
        self._consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        return len(records)

    def _with_text(self, record: Record) -> Event | None:
        if b'"text_hash"' not in record.value:  # most events: not worth decoding
            return None
        event = decode_event(record.value)
        if event.type is EventType.IDENTITY_UNLINK:  # an operator's reason, not the lead's words
            return None
        return event if event.data.text_hash and event.private and not event.data.test else None

    async def _read(self, *events: Event | None) -> None:
        wanted = [event for event in events if event is not None]
        if not wanted:
            return
        leads = [event.lead for event in wanted]
        known = dict(zip(leads, self._store.read_enrichment(leads), strict=True))
        if not self._reader.is_local:
            self._store.write_enrichment(
                {event.lead: self._unread(event, known[event.lead], EnrichmentStatus.PENDING) for event in wanted}
            )
        gate = asyncio.Semaphore(_AT_ONCE)
        rows = await asyncio.gather(*(self._row(event, known[event.lead], gate) for event in wanted))
        self._store.write_enrichment({event.lead: row for event, row in zip(wanted, rows, strict=True) if row})
        for event, row in zip(wanted, rows, strict=True):
            if row and not event.imported:
                self._producer.send(CHANGES_TOPIC, key=event.lead, value=self._change(event.lead))

    async def _row(self, event: Event, known: EnrichmentRow | None, gate: asyncio.Semaphore) -> EnrichmentRow | None:
        """The reading as a row; None if the text is gone."""
        try:
            private = self._vault.open(event.lead, event.private or "")
        except Sealed as error:
            log.info("event %s of %s is not read: %s", event.id, event.lead, error)
            self._metrics.readings.labels("none", "erased").inc()
            return None
        text = private.pop(TEXT, "")
        try:
            async with gate:
                answer = await self._reader.read(text, private)
        except NoReading as error:
            log.warning("a text of %s is not read: %s", event.lead, error)
            self._metrics.readings.labels("none", "unavailable").inc()
            return self._unread(event, known, EnrichmentStatus.UNAVAILABLE)
        self._metrics.readings.labels(answer.provider, "cached" if answer.cached else "read").inc()
        reading = answer.reading
        return EnrichmentRow(
            status=EnrichmentStatus.FRESH.value,
            known_at=self._known(event),
            read_at=self._clock(),
            content_hash=event.data.text_hash or "",
            score=reading.score,
            confidence=reading.confidence,
            intent=reading.intent.value,
            next_step=reading.next_step.value,
            reasoning=reading.reasoning,
            provider=answer.provider,
            prompt_version=answer.prompt_version,
        )

    def _unread(self, event: Event, known: EnrichmentRow | None, status: EnrichmentStatus) -> EnrichmentRow:
        """What is said while there is no reading of this text: an older one stays, under the new status."""
        if known is not None and known.score is not None:
            return msgspec.structs.replace(known, status=status.value, known_at=self._known(event))
        return EnrichmentRow(
            status=status.value,
            known_at=self._known(event),
            read_at=self._clock(),
            content_hash=event.data.text_hash or "",
        )

    def _known(self, cause: Event | LeadMerged) -> datetime:
        """When what follows from it was known: of imported history when that was received (ADR 3)."""
        return cause.receivedtime if cause.imported else self._clock()

    def _move(self, merge: LeadMerged) -> None:
        """The survivor takes the absorbed lead's reading over if it is the newer one."""
        absorbed, survivor = self._store.read_enrichment([merge.absorbed, merge.survivor])
        if absorbed is None or (survivor is not None and survivor.read_at >= absorbed.read_at):
            return
        self._store.write_enrichment({merge.survivor: msgspec.structs.replace(absorbed, known_at=self._known(merge))})
        if not merge.imported:
            self._producer.send(CHANGES_TOPIC, key=merge.survivor, value=self._change(merge.survivor))

    def _change(self, lead: str) -> bytes:
        return encode_json(Change(lead, self._clock()))
