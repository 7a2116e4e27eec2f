"""Where the settings say that lineage goes, in the words of OpenLineage's clients: ours and the one in Feast."""

from __future__ import annotations

from typing import Any

from ingestion.settings import PlatformSettings

PRODUCER = "urn:leadline"
GIVE_UP_MS = 10_000  # the library waits for the broker after each event


def is_asked_for(settings: PlatformSettings) -> bool:
    """Whether any place is named."""
    return settings.lineage_file is not None or bool(settings.lineage_topic)


def namespace(settings: PlatformSettings) -> str:
    """Of our jobs and datasets. It names no host and no folder."""
    return f"leadline://{settings.tenant}"


def transport(settings: PlatformSettings) -> dict[str, Any]:
    """The library's configuration: every place that the settings name."""
    places: dict[str, dict[str, Any]] = {}
    if settings.lineage_file is not None:
        settings.lineage_file.absolute().parent.mkdir(parents=True, exist_ok=True)
        places["file"] = {"type": "file", "log_file_path": str(settings.lineage_file.absolute()), "append": True}
    if settings.lineage_topic:
        client = {"bootstrap.servers": settings.kafka_bootstrap_servers, "message.timeout.ms": GIVE_UP_MS}
        places["kafka"] = {"type": "kafka", "topic": settings.lineage_topic, "config": client}
    return {"type": "composite", "transports": places}
