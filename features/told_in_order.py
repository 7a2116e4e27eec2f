"""The lake's events, merges and splits as records of `events`: one person after another with whoever they became, and
of those each in the order in which it became known.

So a fold has few states in its hands, and needs none again, however many people there are. In what order those come who
never met changes nothing (ADR 2).

Invariant: of one raw partition what was sent earlier comes first, or marks would pass over it (ADR 1). So a record
counts as received no earlier than any before it in its raw partition, whatever its sender's clock said.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from ingestion.contracts.event import LeadMerged
from ingestion.contracts.forwards import decode_forwarding
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import Record
from ingestion.lake import events_path

AT_ONCE = 10_000  # forwardings
MEMORY = "1GB"  # of the sort; the rest is on disk, beside the lake

# Nearly all records are received in the order of their raw partition: those that are not are few enough to join.
_IN_ORDER = """
    WITH placed AS (
        SELECT raw_topic, raw_partition, raw_position, receivedtime,
            max(receivedtime) OVER (PARTITION BY raw_topic, raw_partition ORDER BY raw_position) AS known
        FROM events
    ),
    late AS (
        SELECT DISTINCT raw_topic, raw_partition, raw_position, known FROM placed WHERE known > receivedtime
    )
    SELECT record, encode(body) AS body
    FROM events LEFT JOIN late USING (raw_topic, raw_partition, raw_position)
        LEFT JOIN kin ON kin.key = coalesce(account, lead)
    ORDER BY md5(coalesce(kin.eldest, account, lead)), coalesce(known, receivedtime), raw_topic, raw_partition,
        raw_position, record, id
    OFFSET $1"""
_FORWARDINGS = "SELECT record, encode(body) FROM events WHERE record <> 'event'"
_ACCOUNTS = """
    SELECT DISTINCT lead, account FROM events
    WHERE record = 'event' AND account IS NOT NULL AND lead IN (SELECT lead FROM events WHERE record <> 'event')"""


def newest_version(lake: Path) -> int:
    """The version of the lake's events that is the newest now; -1 if there are none yet."""
    path = str(events_path(lake))
    return int(DeltaTable(path).version()) if DeltaTable.is_deltatable(path) else -1


def is_readable(lake: Path, version: int) -> bool:
    """Whether upkeep has left everything of a version in place, which it does for six hours."""
    if version < 0:
        return False
    try:
        table = DeltaTable(str(events_path(lake)), version=version)
    except DeltaError:
        return False
    return all(Path(file).exists() for file in table.file_uris())


def count_records(lake: Path, version: int) -> int:
    """How many records that version has; from the table's log alone."""
    if version < 0:
        return 0
    table = DeltaTable(str(events_path(lake)), version=version)
    return sum(table.get_add_actions(flatten=True)["num_records"].to_pylist())


def told_in_order(lake: Path, version: int, *, after: int, at_once: int) -> Iterator[list[Record]]:
    """The records of a version behind the first `after`, at most `at_once` at a time; the same order every time.

    Each is on partition 0, its offset its number. Sorts before it begins: about half a minute for 10 million records.
    How far a backfill is counts in this order: where it changes, what was counted before must not be gone on with.
    """
    files = DeltaTable(str(events_path(lake)), version=version).file_uris() if version >= 0 else []
    if not files:
        return
    number = after
    with _database(lake) as database:
        database.read_parquet(files).create_view("events")  # within its limit of memory, as Arrow is not
        database.register("kin", _kin(database))
        for batch in database.sql(_IN_ORDER, params=[after]).to_arrow_reader(at_once):
            for start in range(0, batch.num_rows, at_once):
                kinds, bodies = (column.to_pylist() for column in batch.slice(start, at_once).columns)
                told = enumerate(zip(kinds, bodies, strict=True), number)
                yield [Record(EVENTS_TOPIC, 0, at, None, body, {"record": kind}, 0) for at, (kind, body) in told]
                number += len(kinds)


def _kin(database: Any) -> pa.Table:
    """Partition keys whose leads have become one another: `key`, and the `eldest` of them, which stands for all."""
    elder: dict[str, str] = {}

    def eldest(key: str) -> str:
        while (above := elder.setdefault(key, key)) != key:
            elder[key] = key = elder[above]
        return key

    accounts = dict(database.sql(_ACCOUNTS).fetchall())
    for batch in database.sql(_FORWARDINGS).to_arrow_reader(AT_ONCE):
        for kind, body in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            lead, *heirs = _forwarded(kind, body)
            for key in (accounts.get(lead, lead), *heirs):
                first, second = sorted((eldest(lead), eldest(key)))
                elder[second] = first
    return pa.table({"key": list(elder), "eldest": list(map(eldest, elder))})


def _forwarded(kind: str, body: bytes) -> tuple[str, ...]:
    """The lead that has ended, and the partition keys of whoever it became."""
    forwarding = decode_forwarding(kind, body)
    if isinstance(forwarding, LeadMerged):
        return forwarding.absorbed, forwarding.survivor_key
    return forwarding.lead, *(part.key for part in forwarding.parts)


@contextmanager
def _database(lake: Path) -> Iterator[Any]:
    with TemporaryDirectory(dir=lake, prefix=".sorting-") as folder:
        config = {"threads": 2, "memory_limit": MEMORY, "temp_directory": folder, "preserve_insertion_order": False}
        with duckdb.connect(":memory:", config=config) as database:
            yield database
