"""Which events have been seen, and under which coordinates, so that a duplicate and a replay are told apart.

Invariant: the row of a seen event is written in the transaction that resolves it and never changes. The same
`(source, id)` from the same coordinates is a replay and gets the same answer; from others it is a duplicate delivery.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Connection, String, Table, Text, func, select

from ingestion.contracts.event import MAX_PARTS, RawPointer
from ingestion.database import metadata
from ingestion.identity.tables import among, insert_new, insert_rows, write_rows

seen = Table(
    "seen",
    metadata,
    # With the rows in a heap, in order of arrival, and short keys in the index, half as much is written as with the
    # rows in the key's tree: measured at two million events. Keys are random, so nearly each new one touches a page.
    Column("key", String(20), primary_key=True),
    Column("stream", String(80), nullable=False),  # raw topic/partition
    Column("position", BigInteger, nullable=False),
    Column("lead", String(40), nullable=False),
    Column("account", String(40), nullable=True),
)
duplicates = Table(
    "duplicates",
    metadata,
    Column("stream", String(80), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("source", Text, nullable=False),
)
_LOOK_UP = select(seen).where(among(seen.c.key, "keys"))


class Seen(msgspec.Struct, frozen=True, gc=False):
    """Where an event was first seen and whom it was given to."""

    stream: str
    position: int
    lead: str
    account: str | None

    def is_at(self, pointer: RawPointer) -> bool:
        """Whether these are the coordinates of its first delivery."""
        return self.position == pointer.position and self.stream == pointer.stream


class Duplicate(NamedTuple):
    """A delivery that was dropped."""

    stream: str
    position: int
    source: str


def key_of(source: str, id_: str) -> str:
    """The key of an event among all events of all senders: 120 bits in base64, 20 characters.

    Of ten billion events two collide with a probability of 1e-16.
    """
    return b2a_base64(blake2b(f"{source}\0{id_}".encode(), digest_size=15).digest(), newline=False).decode()


def look_up(connection: Connection, keys: Collection[str]) -> dict[str, Seen]:
    """Those of `keys` that have been seen. One round trip."""
    if not keys:
        return {}
    return {key: Seen(*row) for key, *row in connection.execute(_LOOK_UP, {"keys": keys}).all()}


def next_offset(connection: Connection, topic: str, partition: int) -> int | None:
    """The offset behind the last message of a raw partition in which an event was new. Reads the whole table."""
    last = select(func.max(seen.c.position)).where(seen.c.stream == f"{topic}/{partition}")
    position = connection.execute(last).scalar()
    return None if position is None else position // MAX_PARTS + 1


def remember(connection: Connection, events: Sequence[tuple[str, Seen]]) -> None:
    """Write newly seen events, each with its key. One round trip."""
    columns = ("key", "stream", "position", "lead", "account")
    rows = [(key, row.stream, row.position, row.lead, row.account) for key, row in events]
    rows.sort()  # by key, as they lie in the table: neighbours share pages
    write_rows(connection, insert_rows(connection, seen), columns, rows)


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
