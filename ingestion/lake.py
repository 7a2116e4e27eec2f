"""The lake's table `events`: every canonical event, merge and split, exactly once, in Delta.

Invariant: a row is appended in the same Delta commit that raises its mark. A mark is the highest raw position appended,
per events partition and raw partition; within one events partition the events of one raw partition appear in raw
order, so what lies at or below the mark has been appended (ADR 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from ingestion.contracts.event import (
    Event,
    LeadMerged,
    LeadSplit,
    RawPointer,
    RecordKind,
    decode_event,
    decode_merge,
    decode_split,
)
from ingestion.contracts.forwards import Forwarding, ended

SCHEMA = pa.schema(
    [
        ("record", pa.string()),  # event, merge or split
        ("tenant", pa.string()),
        ("source", pa.string()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
        ("receivedtime", pa.timestamp("us", "UTC")),
        ("lead", pa.string()),  # of a merge or split: the lead that ended
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

    def append(self, rows: Sequence[Row], versions: Mapping[str, int]) -> None:
        """Append `rows` and set the applications' versions, in one commit.

        Raises:
            deltalake.exceptions.CommitFailedError: another writer set one of them at the same time.
        """
        transactions = [Transaction(application, version) for application, version in versions.items()]
        write_deltalake(
            self._table,
            table_of(rows),
            mode="append",
            commit_properties=CommitProperties(app_transactions=transactions),
        )
        self._commits += 1
        if self._commits % COMPACT_EVERY == 0:
            with suppress(CommitFailedError):  # another writer compacts the same files: once is enough
                self._table.optimize.compact()


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """The part of an event that has columns of its own; reading it alone takes two thirds of the whole event's time."""

    tenant: str
    source: str
    id: str
    type: str
    time: datetime
    receivedtime: datetime
    lead: str
    raw: RawPointer
    account: str | None = None
    imported: bool = False


decode_envelope = msgspec.json.Decoder(Envelope).decode
Row = tuple[Any, ...]  # in the order of `SCHEMA`


def event_row(event: Envelope | Event, body: bytes) -> Row:
    """The table row of a canonical event."""
    raw = event.raw
    return (
        RecordKind.EVENT.value,
        event.tenant,
        event.source,
        event.id,
        str(event.type),
        event.time,
        event.receivedtime,
        event.lead,
        event.account,
        event.imported,
        raw.topic,
        raw.partition,
        raw.offset,
        raw.index,
        raw.position,
        raw.sha256,
        body,
    )


def forwarding_row(forwarding: Forwarding, body: bytes) -> Row:
    """The table row of a merge or split."""
    raw, lead = forwarding.raw, ended(forwarding)
    merge = isinstance(forwarding, LeadMerged)
    return (
        (RecordKind.MERGE if merge else RecordKind.SPLIT).value,
        None,
        None,
        lead,
        "identity.merge" if merge else "identity.split",
        forwarding.receivedtime,
        forwarding.receivedtime,
        lead,
        forwarding.survivor_account if isinstance(forwarding, LeadMerged) else forwarding.parts[0].account,
        forwarding.imported,
        raw.topic,
        raw.partition,
        raw.offset,
        raw.index,
        raw.position,
        raw.sha256,
        body,
    )


def table_of(rows: Sequence[Row], schema: pa.Schema = SCHEMA) -> pa.Table:
    """Rows as a table, column by column: a third of the time of a dict a row."""
    if not rows:
        return schema.empty_table()
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


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


def read_splits(lake: Path) -> list[LeadSplit]:
    """Every parting of a lead, as received."""
    return [decode_split(body.as_py().encode()) for body in scan(lake, record=RecordKind.SPLIT)["body"]]


def read_forwardings(lake: Path) -> list[Forwarding]:
    """Every end of a lead id, as received: merges, then splits."""
    merges = scan(lake, record=RecordKind.MERGE)["body"]
    return [*(decode_merge(body.as_py().encode()) for body in merges), *read_splits(lake)]
