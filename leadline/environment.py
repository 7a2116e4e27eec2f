"""Which platform a command talks to: the environment's, or the one embedded in the home folder."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from ingestion.settings import (
    HydrationSettings,
    PlatformSettings,
    ReceiverSettings,
    RegistrySettings,
    load,
    load_hydration,
    load_receiver,
    load_registry,
)
from leadline import keys

BROKER_FILE = "broker"  # bootstrap servers of the embedded broker that is running
QUIET = {
    "DO_NOT_TRACK": "1",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ANONYMIZED_TELEMETRY": "false",
}


def home() -> Path:
    """The embedded platform's folder."""
    return Path(os.environ.get("LEADLINE_HOME") or ".local")


def settings(*, make_keys: bool = False) -> PlatformSettings:
    """This process's settings; secrets and broker of an embedded home fill what the environment leaves open.

    Raises:
        ingestion.errors.SettingsError: a variable is missing or wrong.
    """
    folder = home()
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    if make_keys or (folder / keys.FILE).exists():
        os.environ.update(keys.ensure(folder))
    _find_embedded_broker(folder)
    return load()


def receiver_settings() -> ReceiverSettings:
    """The receiver's settings; the broker of an embedded home is found as `settings` finds it, its secrets are not."""
    _find_embedded_broker(home())
    return load_receiver()


def hydration_settings() -> HydrationSettings:
    """Hydration's settings; the broker of an embedded home is found as `settings` finds it, its secrets are not."""
    _find_embedded_broker(home())
    return load_hydration()


def registry_settings() -> RegistrySettings:
    """The settings of Feast's UI; secrets of an embedded home are not read."""
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    return load_registry()


def _find_embedded_broker(folder: Path) -> None:
    broker = folder / BROKER_FILE
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS") and broker.exists():
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = broker.read_text().strip()


def until_told_to_stop() -> threading.Event:
    """An event that SIGTERM and SIGINT set: workers finish their batch and leave."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
