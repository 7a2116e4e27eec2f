"""Segment's calls to features that are readable online, as one writes it with Quix Streams and Feast's push.

Canonical events as in `benchmarks/peers/quix`, then counts in the state of the visitor's key, pushed at each checkpoint
in one go: a push costs about the same for one row and for a hundred.
"""

import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource, ValueType
from feast.repo_config import RepoConfig
from feast.types import Int64, String
from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch

from benchmarks.peers.quix.handler import canonical

COUNTED = {"web.page_viewed": "page_views", "product.feature_used": "feature_uses"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def counted(event: dict[str, Any], state: State) -> dict[str, Any]:
    """The lead's features after the event."""
    row: dict[str, Any] = state.get("row") or {"page_views": 0, "feature_uses": 0, "newest": 0}
    if name := COUNTED.get(event["type"]):
        row[name] += 1
    row["newest"] = max(row["newest"], (datetime.fromisoformat(event["time"]) - EPOCH) // timedelta(microseconds=1))
    state.set("row", row)
    return {"lead": event["lead"], **row}


class FeastPush(BatchingSink):  # type: ignore[misc]  # of another environment
    """Pushes the newest row of each lead."""

    def __init__(self, feast: FeatureStore) -> None:
        super().__init__()
        self._feast = feast

    def flush(self) -> None:
        """At each checkpoint, before its offsets are committed."""
        newest = {item.value["lead"]: item.value for batch in self._batches.values() for item in batch}
        self._batches.clear()
        if newest:
            rows = pd.DataFrame(list(newest.values()))
            rows["event_timestamp"] = datetime.now(UTC)
            self._feast.push("events", rows)

    def write(self, batch: SinkBatch) -> None:
        """Never asked for: `flush` writes all partitions at once."""
        raise NotImplementedError


def opened(folder: Path) -> FeatureStore:
    """A Feast repository with one view that is pushed to, on SQLite as Leadline's."""
    folder.mkdir(parents=True, exist_ok=True)
    lead = Entity(name="lead", join_keys=["lead"], value_type=ValueType.STRING)
    nowhere = FileSource(path=str(folder / "never-written.parquet"), timestamp_field="event_timestamp")
    view = FeatureView(
        name="counts",
        entities=[lead],
        ttl=timedelta(0),
        schema=[Field(name="lead", dtype=String)]
        + [Field(name=name, dtype=Int64) for name in ("page_views", "feature_uses", "newest")],
        source=PushSource(name="events", batch_source=nowhere),
    )
    feast = FeatureStore(config=configured(folder))
    feast.apply([lead, view])
    with sqlite3.connect(folder / "online.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # readers and the writer wait for each other otherwise
    (folder / "complete").touch()
    return feast


def configured(folder: Path) -> RepoConfig:
    """Its configuration; the registry is read once."""
    return RepoConfig(
        project="peer",
        provider="local",
        registry={"path": str(folder / "registry.db"), "cache_ttl_seconds": 0},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )


def main(bootstrap: str, group: str, read: str, write: str, folder: str, checkpoint: str) -> None:
    app = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        state_dir=str(Path(folder) / "state"),
        loglevel="WARNING",
        auto_create_topics=False,
        use_changelog_topics=False,  # the state is on this disk, as Leadline's stores are
        commit_interval=float(checkpoint),
        producer_extra_config={"enable.idempotence": True, "acks": "all", "compression.type": "lz4", "linger.ms": 5},
    )
    calls = app.topic(read, value_deserializer="bytes", key_deserializer="bytes")
    events = app.topic(write, value_serializer="json", key_serializer="string")
    frame = app.dataframe(calls).apply(canonical, stateful=True, metadata=True)
    frame = frame.filter(lambda event: event is not None)
    frame = frame.to_topic(events, key=lambda event: event["partitionkey"])
    frame.apply(counted, stateful=True).sink(FeastPush(opened(Path(folder) / "feast")))
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
