"""How far each worker is behind, by its consumer group."""

from __future__ import annotations

from contextlib import closing

from rich.console import Console
from rich.table import Table

from features.app import features_group
from features.settings import each_set, feature_set
from ingestion.app import HYDRATION_GROUP, INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.raw import CHANGES_TOPIC, DECISIONS_TOPIC, EVENTS_TOPIC, RAW_TOPICS
from ingestion.kafka import Lags
from ingestion.settings import PlatformSettings
from scoring.enrichment.worker import GROUP as ENRICHMENT_GROUP
from scoring.ledger_writer import GROUP as LEDGER_GROUP
from scoring.stream import GROUP as STREAM_GROUP

OPTIONAL = frozenset({"hydrate"})  # shown where they have ever run


def workers(settings: PlatformSettings) -> list[tuple[str, str, tuple[str, ...]]]:
    """Command that runs the worker, its group and what it reads, in the order of the data's way."""
    own, *beside = each_set(settings)
    return [
        ("hydrate", HYDRATION_GROUP, RAW_TOPICS),
        ("ingest", INGESTION_GROUP, RAW_TOPICS),
        ("lake", LAKE_GROUP, (EVENTS_TOPIC,)),
        ("features", features_group(own), (EVENTS_TOPIC,)),
        *((f"features, {feature_set(each).service}", features_group(each), (EVENTS_TOPIC,)) for each in beside),
        ("enrich", ENRICHMENT_GROUP, (EVENTS_TOPIC,)),
        ("stream", STREAM_GROUP, (CHANGES_TOPIC,)),
        ("ledger", LEDGER_GROUP, (DECISIONS_TOPIC,)),
    ]


def show_lag(settings: PlatformSettings, console: Console) -> None:
    """A line for each worker: what it reads, how many records it has not finished, and whether one is running."""
    table = Table(header_style="bold")
    for name in ("worker", "reads", "records behind", ""):
        table.add_column(name, justify="right" if name == "records behind" else "left")
    with closing(Lags(settings.kafka_bootstrap_servers)) as lags:
        for worker, group, topics in workers(settings):
            if worker in OPTIONAL and not lags.exists(group):
                continue
            running = "" if lags.has_members(group) else "[red]none is running[/red]"
            table.add_row(worker, " ".join(topics), f"{lags.of(group, topics):,}", running)
    console.print(table)
