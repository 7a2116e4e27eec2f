"""The rebuild of the online store, as a person at the console sees it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from features import rebuild as features
from features.history import history_version
from features.lineage.jobs import materialising
from features.settings import feature_set, history_of
from features.store import OnlineStore
from ingestion.settings import PlatformSettings


def rebuild(settings: PlatformSettings, leads: Sequence[str] | None, out: Console) -> None:
    """Serve the newest rows of these leads, or of all, and say what came back.

    Raises:
        RebuildOvertaken: the store was lost once more meanwhile.
        OnlineStoreUnavailable: it did not answer.
    """
    online, history = OnlineStore.open(settings), history_of(settings)
    if leads is not None:
        found = features.rebuild_leads(history, online, leads)
        out.print(f"{found.total:,} rows of these leads and their accounts, {found.restored:,} of them came back.")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    read_to, version = history_version(history)
    with (
        materialising(settings, "features.rebuild", feature_set(settings).service, read_to) as lineage,
        Progress(*columns, console=out) as bars,
    ):
        lineage.made_of = f"history {version}"
        task = bars.add_task("reading the history", total=None)
        done = features.rebuild(
            history,
            online,
            lambda progress: bars.update(
                task,
                completed=progress.read,
                total=progress.total,
                description=f"reading the history, {progress.restored:,} rows came back",
            ),
        )
        lineage.rows = done.restored
    out.print(f"{done.total:,} rows of history, {done.restored:,} came back. The online store is whole.")
