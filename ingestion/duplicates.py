"""Which events have been seen, and under which coordinates, so that a duplicate and a replay are told apart.

Invariant: the row of a seen event is written in the transaction that resolves it and never changes. The same
`(source, id)` from the same coordinates is a replay and gets the same answer; from others it is a duplicate delivery.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, String, Table, Text, func, insert, select

from ingestion.database import metadata
from ingestion.identity.tables import among, insert_new, write_rows

seen = Table(
    "seen",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("stream", String(80), nullable=False),  # raw topic/partition
    Column("position", BigInteger, nullable=False),
    Column("lead", String(40), nullable=False),
    Column("account", String(40), nullable=True),
    sqlite_with_rowid=False,  # the key's tree holds the row: half the writing of the widest-used table
)
duplicates = Table(
    "duplicates",
    metadata,
    Column("stream", String(80), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("source", Text, nullable=False),
)


class Seen(NamedTuple):
    """Where an event was first seen and whom it was given to."""

    stream: str
    position: int
    lead: str
    account: str | None


class Duplicate(NamedTuple):
    """A delivery that was dropped."""

    stream: str
    position: int
    source: str


def key_of(source: str, id_: str) -> str:
    """The key of an event among all events of all senders: 32 hex digits."""
    return blake2b(f"{source}\0{id_}".encode(), digest_size=16).hexdigest()


def look_up(connection: Connection, keys: Collection[str]) -> dict[str, Seen]:
    """Those of `keys` that have been seen. One round trip."""
    if not keys:
        return {}
    rows = connection.execute(select(seen).where(among(connection, seen.c.key, keys)))
    return {key: Seen(*row) for key, *row in rows}


def remember(connection: Connection, events: Mapping[str, Seen]) -> None:
    """Write newly seen events. One round trip."""
    columns = ("key", "stream", "position", "lead", "account")
    write_rows(connection, insert(seen), columns, sorted((key, *row) for key, row in events.items()))


def count_dropped(connection: Connection, dropped: Sequence[Duplicate]) -> None:
    """Note dropped deliveries; a replay of one counts once. One round trip."""
    write_rows(connection, insert_new(connection, duplicates), Duplicate._fields, dropped)


def dropped_by_source(connection: Connection) -> dict[str, int]:
    """How many deliveries were dropped as duplicates, by source."""
    rows = connection.execute(select(duplicates.c.source, func.count()).group_by(duplicates.c.source))
    return {row.source: row[1] for row in rows}


def dropped(connection: Connection) -> list[tuple[str, int]]:
    """Raw stream and position of every delivery that was dropped."""
    return [
        (row.stream, row.position) for row in connection.execute(select(duplicates.c.stream, duplicates.c.position))
    ]
