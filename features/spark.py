"""Spark as an engine: `local[2]` within this machine, or the cluster whose master is named.

Invariant: nothing is downloaded. delta-rs says which Parquet files a Delta table has, and Spark reads those; a table
that needs more than its files to be read is refused by delta-rs, as for DuckDB.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from pyspark import StorageLevel
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from features.engine import Batches
from features.errors import SparkMissing

# What decides values, and so is no choice of a cluster's.
_MEANING = {
    "spark.sql.ansi.enabled": "true",  # an overflow is an error, as for DuckDB
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",  # names are quoted as in DuckDB
    "spark.sql.session.timeZone": "UTC",
}
# The rest is set in Spark's own files. Within this machine it talks to nobody else's, and needs no page.
_LOCAL = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


class Spark:
    """See `Engine`. One session a process, begun with the first database."""

    def __init__(self, master: str) -> None:
        self._master = master

    @contextmanager
    def database(self) -> Iterator[SparkDatabase]:
        """See `Engine`."""
        database = SparkDatabase(_session(self._master).newSession())
        try:
            yield database
        finally:
            database.close()


class SparkDatabase:
    """See `Database`. A session's temporary views are its own."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._kept: list[DataFrame] = []

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Database`."""
        self._session.createDataFrame(rows).createOrReplaceTempView(name)

    def open(self, name: str, path: Path) -> None:
        """See `Database`. The path is a file system's, whatever a cluster takes for its own."""
        stored = DeltaTable(str(path)).to_pyarrow_dataset()
        if not stored.files:  # Spark would not know what to read
            self.put(name, stored.schema.empty_table())
            return
        reader = self._session.read.schema(from_arrow_schema(stored.schema)).option("basePath", f"file://{path}")
        reader.parquet(*[f"file://{path / file}" for file in stored.files]).createOrReplaceTempView(name)

    def derive(self, name: str, sql: str, through: Batches, schema: pa.Schema) -> None:
        """See `Database`. It is made once and kept, on disk where memory ends: a question reads it several times."""
        derived = self._session.sql(sql).mapInArrow(through, from_arrow_schema(schema))
        self._kept.append(derived.persist(StorageLevel.MEMORY_AND_DISK))
        derived.count()  # now: the parts of a question would each begin it
        derived.createOrReplaceTempView(name)

    def ask(self, sql: str) -> pa.Table:
        """See `Database`."""
        return self._session.sql(sql).toArrow()

    def close(self) -> None:
        """Let go of what was kept."""
        for frame in self._kept:
            frame.unpersist()


def _session(master: str) -> SparkSession:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else whatever `python3` a worker finds
    builder = SparkSession.builder.appName("leadline").master(master).config(map=_MEANING)
    if master.startswith("local"):
        builder = builder.config(map=_LOCAL)
    try:
        return builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise SparkMissing(
            f"LEADLINE_OFFLINE_ENGINE={master}: Spark does not start ({error.getCondition()}); it needs Java 17 or "
            "newer: install it (Debian: openjdk-17-jre-headless) and let JAVA_HOME say where it is"
        ) from error
