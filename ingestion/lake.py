"""The lake's table `events`: every canonical event and every merge, exactly once, in Delta.

Invariant: a row is appended in the same Delta commit that raises its mark. A mark is the highest raw position appended,
per events partition and raw partition; within one events partition the events of one raw partition appear in raw
order, so what lies at or below the mark has been appended (ADR 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from ingestion.contracts.event import Event, LeadMerged, RecordKind, decode_event, decode_merge

SCHEMA = pa.schema(
    [
        ("record", pa.string()),  # event or merge
        ("tenant", pa.string()),
        ("source", pa.string()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
        ("receivedtime", pa.timestamp("us", "UTC")),
        ("lead", pa.string()),  # of a merge: the absorbed lead
        ("account", pa.string()),
        ("imported", pa.bool_()),
        ("raw_topic", pa.string()),
        ("raw_partition", pa.int32()),
        ("raw_offset", pa.int64()),
        ("raw_index", pa.int32()),
        ("raw_position", pa.int64()),
        ("raw_sha256", pa.string()),
        ("body", pa.string()),  # the record's JSON
    ]
)
ORDER = [(name, "ascending") for name in ("receivedtime", "raw_topic", "raw_partition", "raw_position", "record", "id")]
COMPACT_EVERY = 200  # commits


def events_path(lake: Path) -> Path:
    """Where the table lies in the lake."""
    return lake / "events"


class EventsTable:
    """The Delta table, opened for appending by one worker per events partition."""

    def __init__(self, lake: Path) -> None:
        path = events_path(lake)
        if not DeltaTable.is_deltatable(str(path)):
            path.mkdir(parents=True, exist_ok=True)
            DeltaTable.create(str(path), schema=SCHEMA, mode="ignore")
        self._table = DeltaTable(str(path))
        self._commits = 0

    def version_of(self, application: str) -> int | None:
        """The version that the last commit of `application` carried; None if there was none."""
        self._table.update_incremental()
        version: int | None = self._table.transaction_version(application)
        return version

    def append(self, rows: pa.Table, versions: Mapping[str, int]) -> None:
        """Append `rows` and set the applications' versions, in one commit.

        Raises:
            deltalake.exceptions.CommitFailedError: another writer set one of them at the same time.
        """
        transactions = [Transaction(application, version) for application, version in versions.items()]
        write_deltalake(
            self._table, rows, mode="append", commit_properties=CommitProperties(app_transactions=transactions)
        )
        self._commits += 1
        if self._commits % COMPACT_EVERY == 0:
            with suppress(CommitFailedError):  # another writer compacts the same files: once is enough
                self._table.optimize.compact()


def event_row(event: Event, body: bytes) -> dict[str, object]:
    """The table row of a canonical event."""
    return {
        "record": RecordKind.EVENT.value,
        "tenant": event.tenant,
        "source": event.source,
        "id": event.id,
        "type": event.type.value,
        "time": event.time,
        "receivedtime": event.receivedtime,
        "lead": event.lead,
        "account": event.account,
        "imported": event.imported,
        **_raw_columns(event),
        "body": body.decode(),
    }


def merge_row(merge: LeadMerged, body: bytes) -> dict[str, object]:
    """The table row of a merge."""
    return {
        "record": RecordKind.MERGE.value,
        "id": merge.absorbed,
        "type": "identity.merge",
        "time": merge.receivedtime,
        "receivedtime": merge.receivedtime,
        "lead": merge.absorbed,
        "account": merge.survivor_account,
        "imported": merge.imported,
        **_raw_columns(merge),
        "body": body.decode(),
    }


def _raw_columns(record: Event | LeadMerged) -> dict[str, object]:
    raw = record.raw
    return {
        "raw_topic": raw.topic,
        "raw_partition": raw.partition,
        "raw_offset": raw.offset,
        "raw_index": raw.index,
        "raw_position": raw.position,
        "raw_sha256": raw.sha256,
    }


def scan(
    lake: Path,
    *,
    record: RecordKind = RecordKind.EVENT,
    leads: Sequence[str] | None = None,
    accounts: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Rows of the table in (received time, raw) order, filtered while reading; empty if there is no lake yet.

    With both `leads` and `accounts` a row of either is returned.
    """
    path = events_path(lake)
    if not DeltaTable.is_deltatable(str(path)):
        return SCHEMA.empty_table() if columns is None else SCHEMA.empty_table().select(list(columns))
    wanted = pc.field("record") == record.value
    either = [
        pc.field(name).isin(list(ids)) for name, ids in (("lead", leads), ("account", accounts)) if ids is not None
    ]
    if either:
        wanted &= either[0] if len(either) == 1 else either[0] | either[1]
    read = None if columns is None else list(dict.fromkeys([*columns, *(name for name, _ in ORDER)]))
    table = DeltaTable(str(path)).to_pyarrow_dataset().to_table(columns=read, filter=wanted).sort_by(ORDER)
    return table if columns is None else table.select(list(columns))


def read_events(
    lake: Path, *, leads: Sequence[str] | None = None, accounts: Sequence[str] | None = None
) -> list[Event]:
    """The canonical events of these leads or accounts (of all if neither is given), as they were received."""
    return [decode_event(body.as_py().encode()) for body in scan(lake, leads=leads, accounts=accounts)["body"]]


def scan_events(lake: Path) -> Iterator[Event]:
    """Every canonical event, as received; bodies are decoded one at a time."""
    for body in scan(lake, columns=["body"])["body"]:
        yield decode_event(body.as_py().encode())


def read_merges(lake: Path) -> list[LeadMerged]:
    """Every forwarding of a lead id, as received."""
    return [decode_merge(body.as_py().encode()) for body in scan(lake, record=RecordKind.MERGE)["body"]]
