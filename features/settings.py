"""Where the feature stage keeps its stores, and Feast opened on them.

Everything that is kept for a feature set bears the name of its service: several sets lie beside each other (ADR 26).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from feast import FeatureStore
from feast.repo_config import RepoConfig
from sqlalchemy import NullPool, QueuePool

from features.engine import Engine
from features.errors import SparkMissing
from features.feature_set import FeatureSet, named
from ingestion.settings import PlatformSettings, RegistrySettings

REGISTRY_SECONDS = 60  # for which a process that asks through Feast's cache may see the registry as it was
CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class FeaturePaths:
    """Files of the feature stage."""

    lake: Path
    history: Path  # of the feature set
    registry: Path
    online: Path | None  # None where Redis is the online store

    @classmethod
    def of(cls, settings: PlatformSettings) -> Self:
        """The paths that the settings imply. The registry lies beside the lake, which every worker shares."""
        lake, registry = settings.lake.absolute(), registry_file(settings)
        online = registry.with_name("online.db") if settings.online_store == "sqlite" else None
        return cls(lake, history_path(lake, feature_set(settings).service), registry, online)


def history_path(lake: Path, service: str) -> Path:
    """Where a feature set's history lies in the lake, by its service."""
    return lake / "feature_history" / service


def history_of(settings: PlatformSettings) -> Path:
    """Where the history of this platform's feature set lies."""
    return FeaturePaths.of(settings).history


def feast_config(
    settings: PlatformSettings, patience: float | None = None, project: str | None = None, *, applies: bool = False
) -> RepoConfig:
    """Feast's configuration: SQLite or Redis online, the lake offline, no telemetry.

    Args:
        settings: the platform's.
        patience: seconds to wait for Redis, where the settings do not say; else for ever. SQLite's readers never wait.
        project: Feast's; else the one of the feature set, which keeps its rows and declarations apart from others'.
        applies: make the registry's tables where they are missing; who only reads it needs no right to.
    """
    paths = FeaturePaths.of(settings)
    online: dict[str, Any] = (
        {"type": "sqlite", "path": str(paths.online)}
        if paths.online is not None
        else {"type": "redis", "connection_string": _impatient(settings.online_store, patience)}
    )
    return RepoConfig(
        project=project or feature_set(settings).service,
        provider="local",
        registry=registry_config(settings, applies=applies),
        online_store=online,
        offline_store={"type": "features.offline_store.LakeOfflineStore"},
        entity_key_serialization_version=3,
    )


def registry_file(settings: RegistrySettings) -> Path:
    """Where the registry is that no setting names."""
    return settings.lake.absolute().parent / "feast" / "registry.db"


def registry_config(settings: RegistrySettings, *, applies: bool = False) -> dict[str, Any]:
    """Where Feast's registry is. `applies` as of `feast_config`: who does not cannot write it in Postgres at all."""
    if not settings.feast_registry:  # 0: read once; `apply` is a deployment
        return {"path": str(registry_file(settings)), "cache_ttl_seconds": 0}
    connect: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if not applies:
        connect["options"] = "-c default_transaction_read_only=on"
    # A reader asks at its start: a connection that idles behind each store of each worker would be Postgres' to keep.
    pool = QueuePool if applies else NullPool
    return {
        "registry_type": "sql",
        "path": settings.feast_registry,
        "cache_ttl_seconds": REGISTRY_SECONDS,
        "schema_mode": "auto" if applies else "verify",
        "sqlalchemy_config_kwargs": {"poolclass": pool, "connect_args": connect},
    }


def _impatient(address: str, patience: float | None) -> str:
    if patience is None:
        return address
    waits = [name for name in ("socket_timeout", "socket_connect_timeout") if f"{name}=" not in address]
    return ",".join([address, *(f"{name}={patience}" for name in waits)])


def feature_set(settings: RegistrySettings) -> FeatureSet:
    """The features that this platform folds and serves."""
    return named(settings.feature_set)


def with_set(settings: PlatformSettings, path: str) -> PlatformSettings:
    """The same platform, with the feature set at `module:name` as its own."""
    return settings.model_copy(update={"feature_set": path})


def each_set(settings: PlatformSettings) -> list[PlatformSettings]:
    """The same platform once for each set that it knows; its own comes first."""
    beside = filter(None, settings.feature_sets_beside.split(","))
    return [with_set(settings, path) for path in dict.fromkeys([settings.feature_set, *beside])]


def with_service(settings: PlatformSettings, service: str) -> PlatformSettings:
    """The same platform, with the set of this service as its own; as it is if it knows none."""
    return next((each for each in each_set(settings) if feature_set(each).service == service), settings)


def open_feast(
    settings: PlatformSettings, patience: float | None = None, project: str | None = None, *, applies: bool = False
) -> FeatureStore:
    """Feast on this platform's stores; `patience`, `project` and `applies` as of `feast_config`."""
    return FeatureStore(config=feast_config(settings, patience, project, applies=applies))


def offline_engine(name: str) -> Engine:
    """What computes over the lake, as `LEADLINE_OFFLINE_ENGINE` names it: DuckDB, or Spark by its master.

    Raises:
        SparkMissing: it is to be Spark, which is not installed.
    """
    if name == "duckdb":
        from features.duck import ONE_MACHINE

        return ONE_MACHINE
    try:
        from features.spark import Spark
    except ImportError as error:
        raise SparkMissing(
            f"LEADLINE_OFFLINE_ENGINE={name}: there is no {error.name} here; install leadline[spark], or say duckdb"
        ) from error
    return Spark(name)
