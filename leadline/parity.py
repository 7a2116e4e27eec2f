"""Served features against the recompute, as a person at the console sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from features.app import comparison_of
from features.comparison import Compared, Comparison, Outcome
from features.monitor import differing
from features.online_rows import Key
from features.settings import feature_set
from ingestion.settings import PlatformSettings
from leadline.parity_page import page_of

SHOWN = 20  # differences, one by one
AT_ONCE = 1_000  # leads whose events are in memory together


def show_parity(
    settings: PlatformSettings, share: float | None, patience: float, html: Path | None, console: Console
) -> int:
    """Compare a share of the leads and show it; 0 if nothing differs."""
    share = settings.parity_share if share is None else share
    compared = compare_all(comparison_of(settings), share, patience, console)
    names = feature_set(settings).names
    sources = {feature for feature, _ in differing(compared)} - set(names)  # whose newest event differs
    names = (*names, *sorted(sources))
    console.print(features_table(compared, names))
    faults = sorted({fault for each in compared for fault in each.faults})
    for entity, key, fault in faults[:SHOWN]:
        console.print(f"[red]{fault}[/red]: the online row of {entity} {key}")
    differences = [(each.lead, difference) for each in compared for difference in each.differences]
    for lead, (feature, served, recomputed) in differences[:SHOWN]:
        console.print(f"[red]{lead}[/red] {feature}: served {served}, recomputed {recomputed}", highlight=False)
    wrong = sum(not each.held for each in compared)
    waiting = sum(each.waiting for each in compared)
    ended = sum(not each.lives and not each.waiting for each in compared)
    console.print(
        f"{len(compared):,} leads looked at, {ended:,} ended by a merge or split: "
        f"{wrong:,} differ; {waiting:,} wait for the lake or the feature worker"
    )
    if html is not None:
        html.write_text(page_of(compared, names, settings.feature_set, share))
        console.print(f"page: {html}")
    return 1 if wrong else 0


def compare_all(comparison: Comparison, share: float, patience: float, console: Console) -> list[Compared]:
    """Every lead of the sample, by id; those that were not in order as they are `patience` seconds later."""
    leads = comparison.sampled(share)
    found: dict[str, Compared] = {}
    again: list[str] = []
    due: dict[Key, int] = {}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("comparing", total=len(leads))
        for start in range(0, len(leads), AT_ONCE):
            look = comparison.look(leads[start : start + AT_ONCE], {})
            found |= {each.lead: each for each in look.compared}
            again += [each.lead for each in look.disorderly]
            due |= look.due
            progress.update(task, advance=len(look.compared))
        if again:
            progress.update(task, description=f"looking again at {len(again):,} leads in {patience:.0f} s")
            time.sleep(patience)
        for start in range(0, len(again), AT_ONCE):
            look = comparison.look(again[start : start + AT_ONCE], due)
            found |= {each.lead: each for each in look.compared}
    return list(found.values())


def features_table(compared: Sequence[Compared], names: Sequence[str]) -> Table:
    """A line for each feature: how many leads, and how many of them differ in which way."""
    counts, leads = differing(compared), sum(each.lives and not each.waiting for each in compared)
    table = Table("feature", header_style="bold")
    for column in ("leads", *Outcome):
        table.add_column(column, justify="right")
    for name in names:
        numbers = [counts[name, outcome.value] for outcome in Outcome]
        table.add_row(
            name,
            f"{leads:,}",
            *(f"{number:,}" if number else "" for number in numbers),
            style="red" if any(numbers) else "",
        )
    return table
