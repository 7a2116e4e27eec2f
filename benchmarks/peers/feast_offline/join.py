"""A point-in-time training set by Feast with one of its offline stores: the same view and examples, another store.

Reads `rows.parquet` and `asked.parquet` in a folder, writes what was found, in the examples' order, and prints seconds
and the peak of its memory.
"""

import json
import os
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.repo_config import RepoConfig
from feast.types import Float64, String

NOT_FEATURES = ("lead", "known_at")


def opened(folder: Path, store: str) -> tuple[FeatureStore, list[str]]:
    """A Feast repository over the rows, and its features."""
    names = [name for name in pq.read_schema(folder / "rows.parquet").names if name not in NOT_FEATURES]
    lead = Entity(name="lead", join_keys=["lead"], value_type=ValueType.STRING)
    view = FeatureView(
        name="states",
        entities=[lead],
        ttl=timedelta(0),
        schema=[Field(name="lead", dtype=String), *(Field(name=name, dtype=Float64) for name in names)],
        source=FileSource(path=str(folder / "rows.parquet"), timestamp_field="known_at"),
    )
    config = RepoConfig(
        project="join",
        provider="local",
        registry={"path": str(folder / f"registry-{os.getpid()}.db")},
        online_store={"type": "sqlite", "path": str(folder / f"online-{os.getpid()}.db")},
        offline_store={"type": store},
        entity_key_serialization_version=3,
    )
    feast = FeatureStore(config=config)
    feast.apply([lead, view])
    return feast, [f"states:{name}" for name in names]


def main(folder: str, store: str, write: str) -> None:
    feast, features = opened(Path(folder), store)
    asked = pd.read_parquet(Path(folder) / "asked.parquet")
    wall, cpu = time.perf_counter(), time.process_time()
    found = feast.get_historical_features(asked, features).to_df()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found.sort_values("place").drop(columns=["lead", "event_timestamp"]).to_parquet(write, index=False)
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak}))  # noqa: T201 - to the benchmark


if __name__ == "__main__":
    main(*sys.argv[1:])
