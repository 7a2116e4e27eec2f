"""The identity ledger's tables, the same on SQLite and Postgres.

Invariant: `edges`, `withdrawals` and `dismissals` are append-only, and everything else that says who is who can be
computed again from them. Times are microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Float,
    Index,
    Insert,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    insert,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ingestion.database import metadata

_HASH, _ID = String(32), String(40)

identifiers = Table(
    "identifiers",
    metadata,
    Column("hash", _HASH, primary_key=True),
    Column("type", String(20), nullable=False),
    Column("scope", Text, nullable=False),
    # The component over all bonds, refused ones too: what must be looked at together. Its smallest hash.
    Column("blob", _HASH, nullable=False, index=True),
    Column("lead", _ID, nullable=False, index=True),
    Column("account", _ID, nullable=True),
    Column("minted_from", _HASH, nullable=False),  # the identifier that `lead` is made of
    Column("shared", Boolean, nullable=False),  # tied to too many persons, hence to none
    Column("turn", BigInteger, nullable=False, index=True),  # number of the batch that wrote the row last
)

edges = Table(
    "edges",
    metadata,
    Column("pair", _HASH, primary_key=True),  # hash of a, b and rule
    Column("time", BigInteger, primary_key=True, autoincrement=False),  # evidence received; again only if earlier
    Column("a", _HASH, nullable=False, index=True),
    Column("b", _ID, nullable=False, index=True),  # an identifier, or the account of an account rule
    Column("rule", String(40), nullable=False),
    Column("attached", Boolean, nullable=False),
    Column("evidence", String(64), nullable=False),  # SHA-256 of the raw message
    Column("stream", String(80), nullable=False),
    Column("position", BigInteger, nullable=False),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    # Two identifiers that are two persons', whatever evidence says; the smaller hash first.
    Column("a", _HASH, primary_key=True),
    Column("b", _HASH, primary_key=True, index=True),
    Column("time", BigInteger, nullable=False),
    Column("stream", String(80), nullable=False),
    Column("position", BigInteger, nullable=False),
)

leads = Table(
    "leads",
    metadata,
    Column("id", _ID, primary_key=True),  # every lead id that was ever sent on
    Column("minted_from", _HASH, nullable=False, index=True),
    Column("account", _ID, nullable=True),
    Column("forwarded_to", _ID, nullable=True),  # where its state was handed; set once, never changed
    Column("version", Integer, nullable=False),  # 1, and one more for every lead that was handed to it
)

merges = Table(
    "merges",
    metadata,
    Column("absorbed", _ID, primary_key=True),
    Column("absorbed_key", _ID, nullable=False),  # its partition key
    Column("survivor", _ID, nullable=False, index=True),
    Column("joined", Boolean, nullable=False),
    Column("stream", String(80), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),  # among the forwardings of one event
    Column("kind", String(8), nullable=False),  # merge or split
    Column("body", LargeBinary, nullable=False),  # the LeadMerged or LeadSplit as it was sent
    Index("ix_merges_trigger", "stream", "position"),
)

conflicts = Table(
    "conflicts",
    metadata,
    # Two identifiers or leads, the smaller first; twice the same where one identifier is shared.
    Column("a", _ID, primary_key=True),
    Column("b", _ID, primary_key=True),
    Column("reason", String(120), primary_key=True),
    Column("time", BigInteger, nullable=False, index=True),
    Column("stream", String(80), nullable=False),
    Column("position", BigInteger, nullable=False),
)

dismissals = Table(
    "dismissals",
    metadata,
    # Two identifiers or leads, or twice the same, that nobody need look at; the smaller first.
    Column("a", _ID, primary_key=True),
    Column("b", _ID, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("stream", String(80), nullable=False),
    Column("position", BigInteger, nullable=False),
)

suggestions = Table(
    "suggestions",
    metadata,
    # Of the last search for duplicates: the identifiers that two leads are minted from; the smaller first.
    Column("a", _HASH, primary_key=True),
    Column("b", _HASH, primary_key=True),
    Column("probability", Float, nullable=False),
    Column("agreed", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
)

IDENTITY_TABLES = (identifiers, edges, withdrawals, leads, merges, conflicts, dismissals, suggestions)


class _Listed(TypeDecorator[Collection[str | int]]):
    """Any number of values as one parameter."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[BigInteger | Text]) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self.kind))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return msgspec.json.encode(value).decode() if dialect.name == "sqlite" else list(value)


class _Among(FunctionElement[Any]):
    inherit_cache = True


@compiles(_Among, "sqlite")
def _among_json(element: _Among, compiler: Any, **kw: Any) -> str:
    column, values = (compiler.process(each, **kw) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are SQLAlchemy's


@compiles(_Among, "postgresql")
def _among_array(element: _Among, compiler: Any, **kw: Any) -> str:
    column, values = (compiler.process(each, **kw) for each in element.clauses)
    return f"{column} = ANY ({values})"


def among(column: Column[Any], values: str) -> ColumnElement[Any]:
    """Whether `column` is one of the values in the parameter of that name: one parameter, however many they are.

    So a statement is built once and has no limit; to build it anew took longer than all else about a small batch.
    """
    kind = BigInteger if isinstance(column.type, BigInteger) else Text
    return _Among(column, bindparam(values, type_=_Listed(kind)))


def insert_rows(connection: Connection, table: Table) -> Insert:
    """An insert of rows that are new."""
    return _insert(connection.dialect.name, table, None)


def insert_new(connection: Connection, table: Table) -> Insert:
    """An insert that leaves existing rows as they are."""
    return _insert(connection.dialect.name, table, ())


def insert_or_change(connection: Connection, table: Table, changing: Sequence[str]) -> Insert:
    """An insert that sets the columns `changing` of a row that exists."""
    return _insert(connection.dialect.name, table, tuple(changing))


def write_rows(
    connection: Connection, statement: Insert, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Run an insert for many rows in one round trip, with the driver's own types: a third of the time of dicts."""
    if not rows:
        return
    sql, order = _sql(statement, connection.dialect, tuple(columns))
    if order is None:
        connection.exec_driver_sql(sql, [dict(zip(columns, row, strict=True)) for row in rows])
    elif order == list(columns):
        connection.exec_driver_sql(sql, list(rows))
    else:
        places = [columns.index(name) for name in order]
        connection.exec_driver_sql(sql, [tuple(row[place] for place in places) for row in rows])


# Made once and not a batch: of a small batch they would be most of the work.
@lru_cache(maxsize=64)
def _insert(dialect: str, table: Table, changing: tuple[str, ...] | None) -> Insert:
    if changing is None:
        return insert(table)
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    if not changing:
        return statement.on_conflict_do_nothing()
    changed = {name: statement.excluded[name] for name in changing}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)


@lru_cache(maxsize=64)
def _sql(statement: Insert, dialect: Dialect, columns: tuple[str, ...]) -> tuple[str, list[str] | None]:
    """The driver's SQL, and the order of its parameters if they have no names."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), None if compiled.positiontup is None else list(compiled.positiontup)
