"""Every lead's features from the lake as a file, as a person at the console asks for them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console

from features.recompute import features_table
from features.settings import feature_set, offline_engine
from ingestion.settings import PlatformSettings


def write_features(settings: PlatformSettings, file: Path, console: Console) -> None:
    """Compute them as of now and write them in Parquet.

    Raises:
        SparkMissing: the engine is Spark, and Spark is not installed or does not start.
    """
    features, as_of = feature_set(settings), datetime.now(UTC)
    engine = offline_engine(settings.offline_engine)
    with console.status(f"every lead's features from the lake, by {settings.offline_engine}"):
        table = features_table(settings.lake.absolute(), as_of, features, engine)
    pq.write_table(table, file)
    console.print(
        f"{file}: {len(features.names)} features of {table.num_rows:,} leads, as of {as_of:%Y-%m-%d %H:%M:%S} UTC."
    )
