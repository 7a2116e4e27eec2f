"""The backfill of a feature set, as a person at the console sees it."""

from __future__ import annotations

from contextlib import closing

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from feature_repo.apply import apply
from features.app import backfill_of
from features.settings import feature_set, with_set
from ingestion.app import LAKE_GROUP
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import Lags
from ingestion.settings import PlatformSettings


def backfill(settings: PlatformSettings, path: str, out: Console) -> None:
    """Fill the set at `module:name` from the lake and say how to go on. Raises what `Backfill.run` does."""
    settings = with_set(settings, path)
    apply(settings)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with closing(Lags(settings.kafka_bootstrap_servers)) as lags, Progress(*columns, console=out) as bars:
        task = bars.add_task("putting the lake in order", total=None)
        done = backfill_of(settings, lambda: lags.reached(LAKE_GROUP, EVENTS_TOPIC)).run(
            lambda progress: bars.update(
                task,
                completed=progress.folded,
                total=progress.total,
                description="folding" if progress.folded else "putting the lake in order",
            )
        )
    service = feature_set(settings).service
    out.print(f"{done.total:,} records of the lake are folded: {service} is filled.", highlight=False)
    out.print(f"Start its worker: LEADLINE_FEATURE_SET={path} leadline features", highlight=False)
