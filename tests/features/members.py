"""Feature workers over a topic in memory: the real worker, history and online store, and a broker without a network.

`Log` keeps what a broker would: partitions, offsets, and of what was sent only what was flushed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from typing import cast

import msgspec
from prometheus_client import CollectorRegistry

from features.gate import FeatureGate
from features.history import ACCOUNT, LEAD, HistoryTable, read_history
from features.metrics import FeatureMetrics
from features.parting import HeldInLake
from features.records import Change
from features.settings import feature_set, history_of
from features.store import OnlineStore
from features.worker import FeatureWorker
from ingestion.contracts.event import Event, LeadMerged, RecordKind, encode_json
from ingestion.contracts.raw import CHANGES_TOPIC, EVENTS_TOPIC
from ingestion.kafka import AlignedConsumer, DurableProducer, Record, partition_for
from ingestion.settings import PlatformSettings
from ingestion.worker import CrashPoint, never
from tests.features.conftest import ACCOUNTS, NOW

PARTITIONS = 4
Features = dict[str, float | None]
decode_change = msgspec.json.Decoder(Change).decode


class Crash(BaseException):
    """The process ends here."""


class Log:
    """The topic `events`, and the notices that were sent besides."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.partitions: list[list[Record]] = [[] for _ in range(partitions)]
        self.changes: list[Change] = []

    def publish(self, records: Iterable[Event | LeadMerged]) -> None:
        """As ingestion does: on the partition of the lead's key at that time."""
        for record in records:
            if isinstance(record, Event):
                kind, key = RecordKind.EVENT, record.partitionkey
            else:
                kind, key = RecordKind.MERGE, ACCOUNTS.get(record.absorbed) or record.absorbed
            self.add(kind.value, key, encode_json(record), int(record.receivedtime.timestamp() * 1000))

    def add(self, kind: str, key: str, value: bytes, timestamp_ms: int, **headers: str) -> None:
        """One record at the end of its partition."""
        partition = partition_for(key, len(self.partitions))
        records, told = self.partitions[partition], {"record": kind, **headers}
        records.append(Record(EVENTS_TOPIC, partition, len(records), key.encode(), value, told, timestamp_ms))

    def count(self, kind: RecordKind) -> int:
        """Records of a kind."""
        return sum(record.headers["record"] == kind for records in self.partitions for record in records)


class _Sender:
    """The producer's side of a log: what is not flushed is lost in a crash."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._unsent: list[tuple[str, str, bytes, Mapping[str, str], int]] = []

    def send(
        self,
        topic: str,
        *,
        partition: int | None = None,
        key: str,
        value: bytes,
        headers: Mapping[str, str] | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        self._unsent.append((topic, key, value, headers or {}, timestamp_ms))

    def flush(self) -> None:
        for topic, key, value, headers, timestamp_ms in self._unsent:
            if topic == CHANGES_TOPIC:
                self._log.changes.append(decode_change(value))
            else:
                others = {name: said for name, said in headers.items() if name != "record"}
                self._log.add(headers["record"], key, value, timestamp_ms, **others)
        self._unsent.clear()


class Member:
    """One worker of the group, and how far it has read."""

    def __init__(
        self,
        settings: PlatformSettings,
        log: Log,
        owned: Iterable[int] = range(PARTITIONS),
        *,
        crash_point: CrashPoint = never,
        clock: Callable[[], datetime] = lambda: NOW,
    ) -> None:
        """A worker that has just been assigned these partitions, and no offset was ever committed to the broker."""
        self._log = log
        self._positions = dict.fromkeys(owned, 0)
        self.worker = FeatureWorker(
            cast(DurableProducer, _Sender(log)),
            OnlineStore.open(settings),
            HistoryTable(history_of(settings)),
            feature_set(settings),
            FeatureGate(feature_set(settings), lambda _: None, clock),
            FeatureMetrics(CollectorRegistry()),
            HeldInLake(settings.lake, timedelta()),
            partitions=len(log.partitions),
            clock=clock,
            crash_point=crash_point,
        )
        self.assign(self._positions)

    def assign(self, partitions: Iterable[int]) -> None:
        """Take these partitions over."""
        self._positions |= dict.fromkeys(partitions, 0)
        named = [(EVENTS_TOPIC, partition) for partition in partitions]
        self.worker.assigned(named, cast(AlignedConsumer, self))

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """What the worker asks of its consumer."""
        assert topic == EVENTS_TOPIC
        self._positions[partition] = offset

    def beginning(self, _topic: str, _partition: int) -> int:
        """What the worker asks of its consumer: nothing was deleted."""
        return 0

    def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        """What the worker tells its consumer: forgotten here, where the history alone must be enough."""

    def step(self, at_once: int = 10_000) -> bool:
        """One micro-batch in the order of time; false if there is nothing to read."""
        waiting = (self._log.partitions[partition][place:] for partition, place in self._positions.items())
        records = list(merge(*waiting, key=lambda record: record.timestamp_ms))[:at_once]
        if records:
            self.worker.handle(records)
            self._positions |= {record.partition: record.offset + 1 for record in records}
        return bool(records)

    def drain(self, at_once: int = 10_000) -> None:
        """Micro-batches until nothing is left."""
        while self.step(at_once):
            pass


def drain_all(members: Iterable[Member], at_once: int = 10_000) -> None:
    """Turn by turn, until none has anything to read: each one's records may be for another."""
    workers = list(members)
    while sum(member.step(at_once) for member in workers):
        pass


def served(settings: PlatformSettings, as_of: datetime = NOW) -> dict[str, Features]:
    """The features of every lead that was not absorbed, from the online store."""
    online, leads, features = OnlineStore.open(settings), list(ACCOUNTS), feature_set(settings)
    accounts = online.read_accounts([account or "" for account in ACCOUNTS.values()])
    return {
        lead: features.features_at(row.state, account.state if account else None, as_of)
        for lead, row, account in zip(leads, online.read(leads), accounts, strict=True)
        if row is not None and row.forward is None
    }


def require_sound_history(settings: PlatformSettings) -> None:
    """One row for each (key, sequence), known strictly later than the last, and the newest of each is online."""
    online = OnlineStore.open(settings)
    for entity, read in ((LEAD, online.read), (ACCOUNT, online.read_accounts)):
        rows = read_history(history_of(settings), entity, ("key", "sequence", "known_at", "row")).to_pylist()
        rows.sort(key=lambda row: (row["key"], row["sequence"]))
        for key, group in groupby(rows, key=lambda row: row["key"]):
            of_key = list(group)
            assert [row["sequence"] for row in of_key] == list(range(1, len(of_key) + 1)), key
            moments = [row["known_at"] for row in of_key]
            assert moments == sorted(set(moments)), f"{key} was known at {moments}"
            (newest,) = read([key])
            assert newest is not None
            assert newest.sequence == of_key[-1]["sequence"], f"{key} is not served as its history says"
            assert newest.known_at == of_key[-1]["known_at"]
