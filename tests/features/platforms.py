"""Platforms of a test's own: settings over a folder, with Feast's declarations applied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from feature_repo.apply import apply
from features.rows import LeadRow, encode_row
from features.settings import open_feast
from ingestion.settings import PlatformSettings

KEY = "11" * 32
NewPlatform = Callable[[], PlatformSettings]


def settings_of(home: Path, *, online_store: str = "sqlite", bootstrap: str = "") -> PlatformSettings:
    """Settings whose stores lie in `home`; nothing is made there yet."""
    return PlatformSettings.model_validate(
        {
            "home": home,
            "online_store": online_store,
            "kafka_bootstrap_servers": bootstrap,
            "identity_key": KEY,
            "master_key": KEY,
        }
    )


def applied(home: Path, *, online_store: str = "sqlite", bootstrap: str = "") -> PlatformSettings:
    """The same, with the declarations registered and the online tables made."""
    settings = settings_of(home, online_store=online_store, bootstrap=bootstrap)
    apply(settings)
    return settings


def overwrite(settings: PlatformSettings, lead: str, row: LeadRow) -> None:
    """Serve a row that no worker has written, by Feast's own class, which on SQLite replaces whatever is there."""
    feast, key = open_feast(settings), EntityKey(join_keys=["lead"], entity_values=[Value(string_val=lead)])
    data = [(key, {"lead_row": Value(bytes_val=encode_row(row))}, row.known_at, row.known_at)]
    feast._get_provider().online_write_batch(feast.config, feast.get_feature_view("lead_state"), data, None)
