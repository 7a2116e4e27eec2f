"""DuckDB as an engine: within this process, on two threads, reading Delta through delta-rs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from features.engine import Batches

# Extensions would be downloaded.
_CONFIG: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False, "threads": 2}


class DuckDb:
    """See `Engine`."""

    @contextmanager
    def database(self) -> Iterator[DuckDatabase]:
        """See `Engine`."""
        with duckdb.connect(":memory:", config=_CONFIG) as connection:
            yield DuckDatabase(connection)


class DuckDatabase:
    """See `Database`."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Database`."""
        self._connection.register(name, rows)

    def open(self, name: str, path: Path) -> None:
        """See `Database`."""
        self._connection.register(name, DeltaTable(str(path)).to_pyarrow_dataset())

    def derive(self, name: str, sql: str, through: Batches, schema: pa.Schema) -> None:
        """See `Database`."""
        batches = self._connection.sql(sql).to_arrow_reader()
        self.put(name, pa.Table.from_batches(through(batches), schema))

    def ask(self, sql: str) -> pa.Table:
        """See `Database`."""
        return self._connection.sql(sql).to_arrow_table()


ONE_MACHINE = DuckDb()
