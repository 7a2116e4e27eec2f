"""The two arms of the freshness benchmark: pipelines from a raw topic to rows that are readable online."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from feast import FeatureStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig

from benchmarks.draining import until
from benchmarks.machine import on_core
from benchmarks.traffic import TOPIC
from benchmarks.watching import Newest
from features.definitions import LEAD_SCORING
from features.store import OnlineStore
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import Lags, create_topics
from leadline.child import dying_with_us
from leadline.errors import LeadlineError
from leadline.platform import Platform
from leadline.setup import PARTITIONS

OURS, QUIX = "leadline", "Quix Streams and feast push"
QUIX_GROUP, QUIX_EVENTS = "quix-feast", "events.quix"
CHECKPOINT_SECONDS = "0.02"  # the best for it of 0.02, 0.05, 0.1 and 0.2, each measured
_ROOT = Path(__file__).parents[1]


class Arm(msgspec.Struct, frozen=True):
    """A running pipeline and how to read what it serves."""

    newest: Newest
    views: Callable[[Sequence[str]], list[int]]  # pages that each lead has viewed
    drain: Callable[[], None]


@contextmanager
def running(name: str, platform: Platform, peer: Path, lags: Lags) -> Iterator[Arm]:
    """The arm's processes on the first core, while the block lasts. `peer` is the `bin` folder of its environment."""
    yield from (_ours(platform) if name == OURS else _quix(platform, peer, lags))


def _ours(platform: Platform) -> Iterator[Arm]:
    online = OnlineStore.open(platform.settings)

    def newest(leads: Sequence[str]) -> list[int]:
        return [0 if row is None else row.state.newest for row in online.read(leads)]

    def views(leads: Sequence[str]) -> list[int]:
        at = datetime.now(UTC)
        found = [None if row is None else LEAD_SCORING.features_at(row.state, None, at) for row in online.read(leads)]
        return [int(vector["page_views_7d"] or 0) if vector else 0 for vector in found]

    with on_core(0):
        platform.start("ingest", "features", "lake")
    try:
        yield Arm(newest, views, platform.wait_until_drained)
    finally:
        platform.stack.stop()


def _quix(platform: Platform, peer: Path, lags: Lags) -> Iterator[Arm]:
    settings, folder = platform.settings, platform.home / "quix"
    bootstrap, log = settings.kafka_bootstrap_servers, platform.home / "logs" / "quix.log"
    create_topics(bootstrap, {QUIX_EVENTS: PARTITIONS[EVENTS_TOPIC]})
    arguments = [bootstrap, QUIX_GROUP, TOPIC, QUIX_EVENTS, str(folder), CHECKPOINT_SECONDS]
    command = [str(peer / "python"), "-m", "benchmarks.peers.quix_feast.handler", *arguments]
    keys = {"IDENTITY_KEY": settings.identity_key_bytes.hex(), "MASTER_KEY": settings.master_key_bytes.hex()}
    given = os.environ | keys | {"TENANT": settings.tenant, "FEAST_USAGE": "False"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with on_core(0), log.open("ab") as output:
        process = subprocess.Popen(
            dying_with_us(command), env=given, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT
        )

    def require_running() -> None:
        if process.poll() is not None:
            raise LeadlineError(f"{QUIX} ended. The end of {log}:\n{log.read_text(errors='replace')[-1_000:]}")

    try:
        until((folder / "feast" / "complete").exists, require_running)
        read = _pushed(folder / "feast")
        yield Arm(
            lambda leads: read(leads, "newest"),
            lambda leads: read(leads, "page_views"),
            lambda: until(lambda: lags.of(QUIX_GROUP, [TOPIC]) == 0, require_running),
        )
    finally:
        process.terminate()
        process.wait()


def _pushed(folder: Path) -> Callable[[Sequence[str], str], list[int]]:
    """Reads a feature of the view that is pushed to, as `OnlineStore` reads ours: beneath Feast's SDK."""
    config = RepoConfig(
        project="peer",
        provider="local",
        registry={"path": str(folder / "registry.db"), "cache_ttl_seconds": 0},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    feast = FeatureStore(config=config)
    view, store = feast.get_feature_view("counts"), feast._get_provider().online_store

    def read(leads: Sequence[str], feature: str) -> list[int]:
        if not leads:
            return []
        keys = [EntityKey(join_keys=["lead"], entity_values=[Value(string_val=lead)]) for lead in leads]
        found = store.online_read(config, view, keys, [feature])
        return [values[feature].int64_val if values else 0 for _, values in found]

    return read
