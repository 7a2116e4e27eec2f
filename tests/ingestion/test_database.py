"""The relational store's refusals: named, without a statement's parameters, and over as soon as their cause is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from ingestion.database import open_database, reading
from ingestion.errors import DatabaseRefused
from tests.conftest import free_port

SECRET = "ada@example.com"


@contextmanager
def database(url: str) -> Iterator[Engine]:
    """A database with a table of words."""
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE words (word TEXT PRIMARY KEY)"))
    yield engine
    engine.dispose()


def say(connection: Connection, word: str) -> None:
    connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})


def write(engine: Engine, word: str) -> None:
    with engine.begin() as connection:
        say(connection, word)


def write_half(engine: Engine, url: str) -> None:
    """Two words in a transaction, the connection cut between them."""
    with engine.begin() as connection:
        say(connection, "one")
        cut(url)
        say(connection, "two")


def words(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(text("SELECT word FROM words ORDER BY word")).scalars())


def grow_to(engine: Engine, pages: int) -> None:
    """As large may SQLite's file be, for the engine's only connection."""
    with reading(engine) as connection:
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))


def cut(url: str) -> None:
    """End every connection to the Postgres database."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_full_database_is_named_and_goes_on_once_it_has_space(tmp_path: Path) -> None:
    with database(f"sqlite:///{tmp_path}/d.db") as engine:
        grow_to(engine, 4)
        full = r"d\.db: database or disk is full. See that it .* has space"
        with pytest.raises(DatabaseRefused, match=full) as refused:
            write(engine, SECRET * 10_000)
        assert SECRET not in str(refused.value)
        grow_to(engine, 1000)
        write(engine, "after")
        assert words(engine) == ["after"]


def test_a_database_out_of_reach_is_named_without_its_password() -> None:
    engine = open_database(f"postgresql+psycopg://leadline:hush@127.0.0.1:{free_port()}/who")
    with pytest.raises(DatabaseRefused, match=r"/who: .*refused") as refused:
        words(engine)
    assert "hush" not in str(refused.value)


def test_a_connection_that_is_cut_is_a_refusal_and_the_next_one_is_new(postgres_url: str) -> None:
    with database(postgres_url) as engine:
        with pytest.raises(DatabaseRefused, match=postgres_url.rpartition("/")[2]):
            write_half(engine, postgres_url)
        write(engine, "whole")
        cut(postgres_url)
        assert words(engine) == ["whole"]  # a connection that was idle when it was cut is replaced, unheard


def test_a_wrong_statement_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        words(open_database(f"sqlite:///{tmp_path}/d.db"))


def test_an_error_does_not_repeat_what_was_to_be_written(tmp_path: Path) -> None:
    with database(f"sqlite:///{tmp_path}/d.db") as engine:
        write(engine, SECRET)
        with pytest.raises(IntegrityError) as refused:
            write(engine, SECRET)
    assert SECRET not in str(refused.value)
