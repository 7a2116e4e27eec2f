"""The feature history of a set: every row that was served, in the order it was known, and the log that recovery reads.

Invariant: a micro-batch is one Delta commit that carries the last offset of each events partition it covers. What is
in the history has been decided; the online store follows it (ADR 6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction
from deltalake.exceptions import CommitFailedError

from features.errors import DefinitionsChanged
from features.feature_set import SHARED, FeatureSet
from ingestion.errors import Fenced
from ingestion.lake import append_to, table_of
from ingestion.lake_upkeep import PROPERTIES, Upkeep, kept_log

LEAD, ACCOUNT, ENRICHMENT, OUTBOX = "lead", "account", "enrichment", "outbox"
BACKFILL_OF, BACKFILLED = "backfill/lake", "backfill/done"  # which version of the lake; how many records that was

LOG_KEPT = timedelta(seconds=30)  # at thirty commits a second
SCHEMA = pa.schema(
    [
        # lead, account, or enrichment: a lead's reading; outbox: a record on its way to another partition of `events`
        ("entity", pa.string()),
        ("key", pa.string()),
        ("account", pa.string()),  # of a lead
        ("known_at", pa.timestamp("us", "UTC")),
        ("sequence", pa.int64()),
        ("row", pa.binary()),  # as it is in the online store; outbox: the record
        ("forward", pa.string()),  # outbox: kind of the record
        ("partition", pa.int32()),  # events partition that the key, or the outbox record's cause, belongs to
        ("batch", pa.int64()),  # stamp of the commit, µs
    ]
)


class HistoryRow(NamedTuple):
    """One row of the table, apart from its commit's stamp."""

    entity: str
    key: str
    account: str | None
    known_at: datetime
    sequence: int
    row: bytes
    forward: str | None
    partition: int


class HistoryTable:
    """The Delta table, opened by one feature worker.

    Two application versions per events partition: the last offset that the history covers, and the stamp of the last
    commit that wrote rows for it. Both fence: a worker that finds a version it did not write has lost the partition.
    """

    def __init__(self, path: Path) -> None:
        self._table = _opened(path)
        self._upkeep = Upkeep(self._table, path)
        self._versions: dict[str, int | None] = {}
        self._seen = -1  # version of the table in which nobody else had written for a partition of ours

    def take_over(self, partition: int) -> tuple[int | None, list[HistoryRow]]:
        """Own a partition: the last offset in its history (None if there is none), and the rows of its last commit."""
        offset, stamp = self.own(offset_of(partition)), self.own(_stamp_of(partition))
        return offset, [] if stamp is None else self.rows_of(partition, stamp)

    def let_go(self, partition: int) -> None:
        """Stop owning a partition."""
        for application in (offset_of(partition), _stamp_of(partition)):
            self._versions.pop(application, None)

    def own(self, application: str) -> int | None:
        """Be the one who commits this version of an application: what it is now, None if there is none."""
        self._table.update_incremental()
        version: int | None = self._table.transaction_version(application)
        self._versions[application] = version
        return version

    def is_half_backfilled(self) -> bool:
        """Whether a backfill has begun and is not done."""
        self._table.update_incremental()
        begun, done = map(self._table.transaction_version, (BACKFILL_OF, BACKFILLED))
        return begun is not None and done is None

    def append(self, rows: Sequence[HistoryRow], offsets: Mapping[int, int], stamp: int) -> None:
        """Commit `rows` and the partitions' last offsets at once.

        Raises:
            Fenced: another worker has committed for one of the partitions since it was taken over.
            LakeUnwritable: the disk or the object store refused.
        """
        versions = {offset_of(partition): offset for partition, offset in offsets.items()}
        self.commit(rows, versions | {_stamp_of(row.partition): stamp for row in rows}, stamp)

    def commit(self, rows: Sequence[HistoryRow], versions: Mapping[str, int], stamp: int) -> None:
        """Commit `rows` and applications' versions at once.

        Raises:
            Fenced: somebody else has committed one of them since it was owned.
        """
        self._table.update_incremental()
        self._require_ours(versions)
        transactions = [Transaction(application, version) for application, version in versions.items()]
        try:
            filled = table_of([(*row, stamp) for row in rows], SCHEMA)
            append_to(self._table, filled, CommitProperties(app_transactions=transactions))
        except CommitFailedError as error:
            raise Fenced(f"another feature worker committed {sorted(versions)}: {error}; this one stops") from error
        self._versions |= versions
        ours = 1 + self._upkeep.after_commit()
        if self._table.version() == self._seen + ours:  # else somebody's commit came between
            self._seen += ours

    def _require_ours(self, applications: Iterable[str]) -> None:
        # To ask takes 0.7 ms an application, half of a small commit: only where somebody has committed.
        found = self._versions
        if self._table.version() != self._seen:
            asked = {*self._versions, *applications}
            found = {application: self._table.transaction_version(application) for application in asked}
            if all(found[application] == version for application, version in self._versions.items()):
                self._seen = self._table.version()
        for application in applications:
            if application not in self._versions or found[application] != self._versions[application]:
                at = found.get(application)
                raise Fenced(f"{application} is at {at}: another feature worker owns the partition; this one stops")

    def add(self, rows: Sequence[HistoryRow], stamp: int) -> None:
        """Commit rows that belong to no partition. Raises `LakeUnwritable` as `append`."""
        self._table.update_incremental()
        append_to(self._table, table_of([(*row, stamp) for row in rows], SCHEMA), CommitProperties())
        self._upkeep.after_commit()

    def newest(self, entity: str, keys: Sequence[str]) -> dict[str, bytes]:
        """The newest rows of these keys, by key; left out: those without a row.

        Reads the whole table's keys, however few are asked for: for when the online store cannot be asked.
        """
        self._table.update_incremental()
        return _newest(self._table, entity, keys)

    def rows_of(self, partition: int, stamp: int) -> list[HistoryRow]:
        """The rows of a partition in the commit with this stamp."""
        wanted = (pc.field("partition") == partition) & (pc.field("batch") == stamp)
        rows = self._table.to_pyarrow_dataset().to_table(filter=wanted).drop_columns(["batch"])
        return [HistoryRow(**row) for row in rows.to_pylist()]


def offset_of(partition: int) -> str:
    """The application whose version is the last offset of a partition that the history covers."""
    return f"features/{partition}/offset"


def _stamp_of(partition: int) -> str:
    return f"features/{partition}/stamp"


def _opened(path: Path, definitions: str | None = None) -> DeltaTable:
    """The table; made, empty, for these definitions if there is none."""
    if not DeltaTable.is_deltatable(str(path)):
        path.mkdir(parents=True, exist_ok=True)
        properties = PROPERTIES | kept_log(LOG_KEPT)
        DeltaTable.create(str(path), schema=SCHEMA, mode="ignore", configuration=properties, description=definitions)
    return DeltaTable(str(path))


def require_definitions(path: Path, features: FeatureSet) -> None:
    """See that the table, made if there is none, is of this set's definitions.

    Raises:
        DefinitionsChanged: it was folded for others.
    """
    folded = _opened(path, features.hash).metadata().description
    if folded and folded != features.hash:
        raise DefinitionsChanged(features.service, folded, features.hash)


def readings_beside(path: Path) -> Path:
    """Where the history of the readings lies, which all sets share."""
    return path.with_name(SHARED)


def ensure_history(path: Path, features: FeatureSet) -> None:
    """Make the tables that are missing, empty: Feast looks at them when its declarations are applied.

    Raises:
        DefinitionsChanged: as `require_definitions`.
    """
    require_definitions(path, features)
    _opened(readings_beside(path))


def history_version(path: Path) -> tuple[datetime, int]:
    """When the table's newest commit was made, and its number; the epoch and -1 if there is no table."""
    if not DeltaTable.is_deltatable(str(path)):
        return datetime.fromtimestamp(0, UTC), -1
    table = DeltaTable(str(path))
    (newest,) = table.history(1)
    return datetime.fromtimestamp(newest["timestamp"] / 1000, UTC), int(table.version())


def read_history(path: Path, entity: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The history of all leads or all accounts, by knowledge time."""
    if not DeltaTable.is_deltatable(str(path)):
        return SCHEMA.empty_table()
    table = DeltaTable(str(path)).to_pyarrow_dataset().to_table(filter=pc.field("entity") == entity)
    table = table.sort_by([("known_at", "ascending"), ("sequence", "ascending")])
    return table if columns is None else table.select(list(columns))


def read_rows(
    path: Path, entity: str, keys: Collection[str], sequences: Collection[int]
) -> dict[str, dict[int, bytes]]:
    """Of each key the newest row and those of these sequences, by sequence; reads nothing else of the rows' column."""
    if not keys or not DeltaTable.is_deltatable(str(path)):
        return {}
    named = ", ".join(f"""'{key.replace("'", "''")}'""" for key in sorted(keys))
    asked = f"entity = '{entity}' AND key IN ({named})"
    newest = f"SELECT key AS of, max(sequence) AS last FROM history WHERE {asked} GROUP BY key"  # noqa: S608
    wanted = f"sequence IN ({', '.join(map(str, sorted({0, *sequences})))}) OR sequence = last"
    query = f"SELECT key, sequence, row FROM history JOIN ({newest}) ON key = of WHERE {asked} AND ({wanted})"  # noqa: S608
    found: dict[str, dict[int, bytes]] = defaultdict(dict)
    for row in pa.table(QueryBuilder().register("history", DeltaTable(str(path))).execute(query)).to_pylist():
        found[row["key"]][row["sequence"]] = row["row"]
    return found


def count_history(path: Path) -> int:
    """How many rows the history has, of any kind; from the table's log alone."""
    if not DeltaTable.is_deltatable(str(path)):
        return 0
    return sum(DeltaTable(str(path)).get_add_actions(flatten=True)["num_records"].to_pylist())


def newest_first(path: Path, at_once: int) -> Iterator[list[HistoryRow]]:
    """All of the history as it is now, at most so many rows at a time; files with the newest rows come first.

    Memory does not grow with the history: a file's row groups are read one after the other.
    """
    if not DeltaTable.is_deltatable(str(path)):
        return
    files = DeltaTable(str(path)).get_add_actions(flatten=True)
    newest = zip(files["max.batch"].to_pylist(), files["path"].to_pylist(), strict=True)
    for _, file in sorted(newest, reverse=True):
        with pq.ParquetFile(path / file) as rows:
            for batch in rows.iter_batches(at_once, columns=list(HistoryRow._fields)):
                yield [HistoryRow(**row) for row in batch.to_pylist()]


def _newest(table: DeltaTable, entity: str, keys: Sequence[str]) -> dict[str, bytes]:
    wanted = (pc.field("entity") == entity) & pc.field("key").isin(pa.array(keys, pa.string()))
    found: dict[str, tuple[int, bytes]] = {}
    batches = table.to_pyarrow_dataset().to_batches(
        ["key", "sequence", "row"], wanted, batch_size=8192, batch_readahead=1, fragment_readahead=1
    )
    for batch in batches:
        for key, sequence, row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if sequence > found.get(key, (0, b""))[0]:
                found[key] = sequence, row
    return {key: row for key, (_, row) in found.items()}
