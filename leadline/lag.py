"""How far each worker is behind, by its consumer group."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from features.app import FEATURES_GROUP
from ingestion.app import HYDRATION_GROUP, INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.raw import CHANGES_TOPIC, DECISIONS_TOPIC, EVENTS_TOPIC, RAW_TOPICS
from ingestion.kafka import Lags
from ingestion.settings import PlatformSettings
from scoring.enrichment.worker import GROUP as ENRICHMENT_GROUP
from scoring.ledger_writer import GROUP as LEDGER_GROUP
from scoring.stream import GROUP as STREAM_GROUP

# Command that runs the worker -> its group and what it reads, in the order of the data's way.
WORKERS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "hydrate": (HYDRATION_GROUP, RAW_TOPICS),
        "ingest": (INGESTION_GROUP, RAW_TOPICS),
        "lake": (LAKE_GROUP, (EVENTS_TOPIC,)),
        "features": (FEATURES_GROUP, (EVENTS_TOPIC,)),
        "enrich": (ENRICHMENT_GROUP, (EVENTS_TOPIC,)),
        "stream": (STREAM_GROUP, (CHANGES_TOPIC,)),
        "ledger": (LEDGER_GROUP, (DECISIONS_TOPIC,)),
    }
)
OPTIONAL = frozenset({"hydrate"})  # shown where they have ever run


def show_lag(settings: PlatformSettings, console: Console) -> None:
    """A line for each worker: what it reads, how many records it has not finished, and whether one is running."""
    table = Table(header_style="bold")
    for name in ("worker", "reads", "records behind", ""):
        table.add_column(name, justify="right" if name == "records behind" else "left")
    with closing(Lags(settings.kafka_bootstrap_servers)) as lags:
        for worker, (group, topics) in WORKERS.items():
            if worker in OPTIONAL and not lags.exists(group):
                continue
            running = "" if lags.has_members(group) else "[red]none is running[/red]"
            table.add_row(worker, " ".join(topics), f"{lags.of(group, topics):,}", running)
    console.print(table)
