"""What runs SQL over the lake where features are computed from it: DuckDB on one machine, Spark on many.

Invariant: the same rows and the same question have the same answer, bit for bit. So questions are asked in words that
both engines know and mean alike; what is said differently is a method here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

Batches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class Database(Protocol):
    """Tables by name, gone when it is left. Every call may block for as long as the work takes."""

    def put(self, name: str, rows: pa.Table) -> None:
        """Make a table of rows that are here."""
        ...

    def open(self, name: str, path: Path) -> None:
        """Make a table of a Delta table as it is now; no row is read yet."""
        ...

    def derive(self, name: str, sql: str, through: Batches, schema: pa.Schema) -> None:
        """Make a table of what a function makes of an answer's batches, wherever the engine holds them.

        Args:
            name: the table's.
            sql: the question whose answer it is made of.
            through: pure, and sent to other processes: it may hold no open file or connection.
            schema: of what the function gives.
        """
        ...

    def ask(self, sql: str) -> pa.Table:
        """The answer, brought here."""
        ...


class Engine(Protocol):
    """Gives databases."""

    def database(self) -> AbstractContextManager[Database]:
        """A new one, empty.

        Raises:
            SparkMissing: Spark is not installed, or cannot start.
        """
        ...
