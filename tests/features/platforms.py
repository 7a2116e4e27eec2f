"""Platforms of a test's own: settings over a folder, with Feast's declarations applied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from feature_repo.apply import apply
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
