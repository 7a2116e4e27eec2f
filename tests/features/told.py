"""What the workers would have written of a history, without a broker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from feature_repo.apply import apply
from features.entries import Entries
from features.history import HistoryTable
from features.micro_batch import MicroBatch
from features.parting import HeldInLake
from features.settings import feature_set, history_of
from ingestion.contracts.event import Event, LeadMerged, RecordKind, encode_json
from ingestion.kafka import Record
from ingestion.lake import EventsTable, event_row, forwarding_row
from ingestion.settings import PlatformSettings


def tell(settings: PlatformSettings, history: Iterable[Event | LeadMerged]) -> None:
    """Write the lake and the feature history as lake writer and feature worker do, and apply Feast's declarations."""
    told = sorted(history, key=lambda content: content.receivedtime)
    rows, records = [], []
    for offset, content in enumerate(told):
        body = encode_json(content)
        kind = RecordKind.EVENT if isinstance(content, Event) else RecordKind.MERGE
        rows.append(event_row(content, body) if isinstance(content, Event) else forwarding_row(content, body))
        milliseconds = int(content.receivedtime.timestamp() * 1000)
        records.append(Record("events", 0, offset, b"", body, {"record": kind.value}, milliseconds))
    EventsTable(settings.lake).append(rows, {"test": 1})
    entries = Entries(lambda keys: [None] * len(keys), lambda keys: [None] * len(keys))
    table = HistoryTable(history_of(settings))
    table.take_over(0)
    held = HeldInLake(settings.lake, timedelta())
    batch = MicroBatch(entries, feature_set(settings), frozenset({0}), 1, told[-1].receivedtime, held)
    batch.fold(records)
    table.append(batch.rows, {0: len(records) - 1}, 1)
    apply(settings)
