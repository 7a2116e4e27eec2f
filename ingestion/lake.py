"""The lake's table `events`: every canonical event, merge and split, exactly once, in Delta.

Invariant: a row is appended in the same Delta commit that raises its mark. A mark is the highest raw position appended,
per events partition and raw partition; within one events partition the events of one raw partition appear in raw
order, so what lies at or below the mark has been appended (ADR 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    QueryBuilder,
    Transaction,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError

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
from ingestion.contracts.forwards import Forwarding, ended, kind_of
from ingestion.errors import LakeUnwritable
from ingestion.lake_upkeep import PROPERTIES, Upkeep, kept_log

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
ORDER = ("receivedtime", "raw_topic", "raw_partition", "raw_position", "record", "id")
# Else delta-rs looks through all of the log for what to delete of it; merges do, and that is enough.
_NO_LOOK_AT_THE_LOG = PostCommitHookProperties(cleanup_expired_logs=False)
VERSIONS_KEPT = timedelta(hours=6)  # a backfill that was broken off goes on in the version that it began with
COMMIT_RETRIES = 100  # another partition's writer may commit first; delta-rs gives up after 15, as if it were fenced


def events_path(lake: Path) -> Path:
    """Where the table lies in the lake."""
    return lake / "events"


def append_to(table: DeltaTable, rows: pa.Table, properties: CommitProperties) -> None:
    """Append in one commit.

    Raises:
        deltalake.exceptions.CommitFailedError: another writer was faster, in what both have read.
        LakeUnwritable: the disk or the object store refused.
    """
    try:
        write_deltalake(
            table, rows, mode="append", commit_properties=properties, post_commithook_properties=_NO_LOOK_AT_THE_LOG
        )
    except CommitFailedError:
        raise
    except (DeltaError, OSError) as error:
        raise LakeUnwritable(
            f"{table.table_uri} could not be appended to: {error}. Nothing is lost: see that there is space and that "
            "it can be reached, then start again"
        ) from error


class EventsTable:
    """The Delta table, opened for appending by one worker per events partition."""

    def __init__(self, lake: Path) -> None:
        path = events_path(lake)
        if not DeltaTable.is_deltatable(str(path)):
            path.mkdir(parents=True, exist_ok=True)
            properties = PROPERTIES | kept_log(VERSIONS_KEPT)
            DeltaTable.create(str(path), schema=SCHEMA, mode="ignore", configuration=properties)
        self._table = DeltaTable(str(path))
        self._upkeep = Upkeep(self._table, path)
        self._seen = -1

    def refresh(self) -> bool:
        """Look at the newest commit; whether somebody else may have committed since the last look or `append`."""
        self._table.update_incremental()
        before, self._seen = self._seen, self._table.version()
        return self._seen != before

    def version_of(self, application: str) -> int | None:
        """The version that its last commit before the last look carried; None if there was none. 0.7 ms."""
        version: int | None = self._table.transaction_version(application)
        return version

    def append(self, rows: Sequence[Row], versions: Mapping[str, int]) -> None:
        """Append `rows` and set the applications' versions, in one commit. Now and then upkeep of the files follows.

        Raises:
            deltalake.exceptions.CommitFailedError: another writer has set one of them since the last look.
            LakeUnwritable: the disk or the object store refused.
        """
        transactions = [Transaction(application, version) for application, version in versions.items()]
        properties = CommitProperties(app_transactions=transactions, max_commit_retries=COMMIT_RETRIES)
        append_to(self._table, table_of(rows), properties)
        ours = 1 + self._upkeep.after_commit()
        if self._table.version() == self._seen + ours:
            self._seen += ours


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
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
        kind_of(forwarding).value,
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
    types: Sequence[str] | None = None,
    known_by: datetime | None = None,
    newest: int | None = None,
    columns: Sequence[str] = SCHEMA.names,
) -> pa.Table:
    """Rows of the table in (received time, raw) order, filtered while reading; empty if there is no lake yet.

    Files whose statistics rule them out are not opened. Of the others the columns of the condition are read, and of
    the wanted columns those pages alone that hold a matching row: a lead among a million events takes about 0.1 s.

    Args:
        leads, accounts: with both, a row of either is returned.
        known_by: an aware moment; rows received later are left out.
        newest: at most so many, those that were received last.
    """
    path = events_path(lake)
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    if not DeltaTable.is_deltatable(str(path)):
        return schema.empty_table()
    either = [_among(name, ids) for name, ids in (("lead", leads), ("account", accounts)) if ids is not None]
    conditions = [_among("record", [record.value]), *([f"({' OR '.join(either)})"] if either else [])]
    if types is not None:
        conditions.append(_among("type", types))
    if known_by is not None:
        microseconds = (known_by - _EPOCH) // timedelta(microseconds=1)
        conditions.append(f"""receivedtime <= arrow_cast({microseconds}, 'Timestamp(Microsecond, Some("UTC"))')""")
    named = _names(dict.fromkeys([*columns, *ORDER]))
    rows = f"SELECT {named} FROM events WHERE {' AND '.join(conditions)}"  # noqa: S608
    if newest is not None:
        rows += f" ORDER BY {_names(ORDER, ' DESC')} LIMIT {newest}"
    in_order = f"SELECT {_names(columns)} FROM ({rows}) ORDER BY {_names(ORDER)}"  # noqa: S608
    found = QueryBuilder().register("events", DeltaTable(str(path))).execute(in_order)
    return pa.table(found).cast(schema)


def _names(columns: Iterable[str], order: str = "") -> str:
    return ", ".join(f'"{name}"{order}' for name in columns)


def _among(column: str, values: Iterable[str]) -> str:
    quoted = ", ".join(f"""'{value.replace("'", "''")}'""" for value in values)
    return f'"{column}" IN ({quoted})' if quoted else "false"


def read_events(
    lake: Path, *, leads: Sequence[str] | None = None, accounts: Sequence[str] | None = None
) -> list[Event]:
    """The canonical events of these leads or accounts (of all if neither is given), as they were received."""
    bodies = scan(lake, leads=leads, accounts=accounts, columns=["body"])["body"]
    return [decode_event(body.as_py().encode()) for body in bodies]


def scan_events(lake: Path) -> Iterator[Event]:
    """Every canonical event, as received; bodies are decoded one at a time."""
    for body in scan(lake, columns=["body"])["body"]:
        yield decode_event(body.as_py().encode())


def read_splits(lake: Path) -> list[LeadSplit]:
    """Every parting of a lead, as received."""
    bodies = scan(lake, record=RecordKind.SPLIT, columns=["body"])["body"]
    return [decode_split(body.as_py().encode()) for body in bodies]


def read_merges(
    lake: Path, *, leads: Sequence[str] | None = None, accounts: Sequence[str] | None = None
) -> list[LeadMerged]:
    """The merges of these leads into others, or into leads of these accounts; all if neither is given. As received."""
    bodies = scan(lake, record=RecordKind.MERGE, leads=leads, accounts=accounts, columns=["body"])["body"]
    return [decode_merge(body.as_py().encode()) for body in bodies]


def read_forwardings(lake: Path) -> list[Forwarding]:
    """Every end of a lead id, as received: merges, then splits."""
    return [*read_merges(lake), *read_splits(lake)]
