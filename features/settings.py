"""Where the feature stage keeps its stores, and Feast opened on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from feast import FeatureStore
from feast.repo_config import RepoConfig

from features.feature_set import FeatureSet, named
from ingestion.settings import PlatformSettings

PROJECT = "leadline"


@dataclass(frozen=True, slots=True)
class FeaturePaths:
    """Files of the feature stage."""

    lake: Path
    registry: Path
    online: Path | None  # None where Redis is the online store

    @classmethod
    def of(cls, settings: PlatformSettings) -> Self:
        """The paths that the settings imply. The registry lies beside the lake, which every worker shares."""
        folder = settings.lake.absolute().parent / "feast"
        embedded = settings.online_store == "sqlite"
        return cls(settings.lake.absolute(), folder / "registry.db", folder / "online.db" if embedded else None)


def feast_config(settings: PlatformSettings, patience: float | None = None) -> RepoConfig:
    """Feast's configuration: SQLite or Redis online, the lake offline, no telemetry.

    Args:
        settings: the platform's.
        patience: seconds to wait for Redis, where the settings do not say; else for ever. SQLite's readers never wait.
    """
    paths = FeaturePaths.of(settings)
    online: dict[str, Any] = (
        {"type": "sqlite", "path": str(paths.online)}
        if paths.online is not None
        else {"type": "redis", "connection_string": _impatient(settings.online_store, patience)}
    )
    return RepoConfig(
        project=PROJECT,
        provider="local",
        registry={"path": str(paths.registry), "cache_ttl_seconds": 0},  # 0: read once; `apply` is a deployment
        online_store=online,
        offline_store={"type": "features.offline_store.LakeOfflineStore"},
        entity_key_serialization_version=3,
    )


def _impatient(address: str, patience: float | None) -> str:
    if patience is None:
        return address
    waits = [name for name in ("socket_timeout", "socket_connect_timeout") if f"{name}=" not in address]
    return ",".join([address, *(f"{name}={patience}" for name in waits)])


def feature_set(settings: PlatformSettings) -> FeatureSet:
    """The features that this platform folds and serves."""
    return named(settings.feature_set)


def open_feast(settings: PlatformSettings, patience: float | None = None) -> FeatureStore:
    """Feast on this platform's stores; `patience` as of `feast_config`."""
    return FeatureStore(config=feast_config(settings, patience))
