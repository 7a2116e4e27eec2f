"""The relational store: identity, keys, ledger. One schema on SQLite (embedded) and Postgres (big).

Each stage defines its tables on `metadata`; `leadline init` migrates to the newest schema.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, MetaData, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from ingestion.errors import DatabaseRefused

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BUSY_TIMEOUT_SECONDS = 30
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "cache_size=-65536",  # KiB: a batch's pages are written once, at its end
    "wal_autocheckpoint=16384",  # pages, 64 MiB: a batch of 10,000 events is no checkpoint
)


def open_database(url: str) -> Engine:
    """An engine for `url`; connects lazily.

    SQLite runs in WAL mode, and every transaction takes the write lock when it begins, so that a reader
    that goes on to write never fails half-way. Use `engine.connect()` with `read_only` for plain reads.

    What the database cannot do now raises `DatabaseRefused`; errors do not repeat a statement's parameters.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = _open_sqlite(parsed)
    else:
        engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=True, pool_size=5)

    @event.listens_for(engine, "handle_error")
    def _name_refusal(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if context.is_pre_ping or not isinstance(error, OperationalError):
            return
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:  # which is a wrong statement's
            raise refused(parsed, error) from error.orig

    return engine


def refused(url: str | URL, error: OperationalError) -> DatabaseRefused:
    """What to raise where the database at `url` gave this error."""
    where = make_url(url).render_as_string(hide_password=True)
    return DatabaseRefused(f"{where}: {error.orig}. See that it is up, lets us in and has space, then start again.")


def _open_sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not the driver's late one
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def reading(engine: Engine) -> Connection:
    """A connection for reads only; on SQLite it takes no write lock."""
    return engine.connect().execution_options(read_only=True)
