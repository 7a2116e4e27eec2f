"""A point-in-time training set by DuckDB alone: what a join can at best take, from file to data frame.

Run as a program it is an arm of `benchmarks.point_in_time`, with the arguments and output of the peers' program.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import duckdb
import pandas as pd


def main(folder: str, _: str, write: str) -> None:
    """Join the folder's examples with its rows."""
    asked = pd.read_parquet(Path(folder) / "asked.parquet")
    wall, cpu = time.perf_counter(), time.process_time()
    with duckdb.connect() as database:
        database.register("asked", asked)
        found = database.sql(
            f"""
            SELECT asked.*, rows.* EXCLUDE (lead, known_at)
            FROM asked ASOF LEFT JOIN '{folder}/rows.parquet' AS rows
            ON asked.lead = rows.lead AND asked.event_timestamp >= rows.known_at
            """  # noqa: S608 - the benchmark's own folder
        ).df()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found.sort_values("place").drop(columns=["lead", "event_timestamp"]).to_parquet(write, index=False)
    sys.stdout.write(json.dumps({"wall": wall, "cpu": cpu, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
