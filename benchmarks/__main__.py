"""`python -m benchmarks`: everything in one go. Fails on errors, never on a missed floor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks import (
    backfill,
    commits,
    engines,
    feature_read,
    fold,
    freshness,
    identity,
    ingestion,
    pipeline,
    point_in_time,
    receiver,
    scoring,
    soak,
)
from benchmarks.result import Result
from leadline import environment
from leadline.errors import LeadlineError


class Which(StrEnum):
    """The benchmarks."""

    PIPELINE = "pipeline"
    INGESTION = "ingestion"
    IDENTITY = "identity"
    FOLD = "fold"
    COMMITS = "commits"
    FRESHNESS = "freshness"
    SCORING = "scoring"
    RECEIVER = "receiver"
    SOAK = "soak"
    POINT_IN_TIME = "point-in-time"
    FEATURE_READ = "feature-read"
    ENGINES = "engines"
    BACKFILL = "backfill"


def main(
    events: Annotated[int, typer.Option(min=5_000, help="About how many events go through the pipeline.")] = 60_000,
    raw_events: Annotated[int, typer.Option(min=50_000, help="About how many go through ingestion alone.")] = 300_000,
    records: Annotated[int, typer.Option(min=50_000, help="How many are resolved to people.")] = 1_000_000,
    soak_events: Annotated[
        int, typer.Option(min=1, help="About how many go through one long-lived worker.")
    ] = 2_000_000,
    history: Annotated[int, typer.Option(min=1_000, help="How many events a feature set is filled with.")] = 1_000_000,
    examples: Annotated[int, typer.Option(min=20_000, help="How many a training set has, at most.")] = 1_000_000,
    lake_events: Annotated[int, typer.Option(min=8_000, help="How many the engines compute from.")] = 1_600_000,
    rounds: Annotated[int, typer.Option(min=5, help="Rounds of each comparison.")] = 7,
    home: Annotated[Path | None, typer.Option(help="What a demo has left. Default: .local, or LEADLINE_HOME.")] = None,
    out: Annotated[Path, typer.Option(help="Where results and the homes made for them go.")] = Path(".local/bench"),
    only: Annotated[Which | None, typer.Option(help="Run one of them. Default: all.")] = None,
    seed: Annotated[int, typer.Option(help="The demo company's seed.")] = 7,
    bank: Annotated[Path | None, typer.Option(help="bank-full.csv: run the real-label check as well.")] = None,
) -> None:
    """Measure the pipeline, ingestion alone, and each stage beside what it is usually done with."""
    console = Console()
    folder, demo = out.absolute(), (home or environment.home()).absolute()
    failed = False
    runs: dict[Which, Callable[[], Result]] = {
        Which.PIPELINE: lambda: pipeline.run(folder, events=events, seed=seed, console=console),
        Which.INGESTION: lambda: ingestion.run(folder, events=raw_events, rounds=rounds, console=console),
        Which.IDENTITY: lambda: identity.run(folder, count=records, rounds=rounds, console=console),
        Which.FOLD: lambda: fold.run(folder, events=raw_events // 2, rounds=rounds, console=console),
        Which.COMMITS: lambda: commits.run(folder, console=console),
        Which.FRESHNESS: lambda: freshness.run(folder, rounds=rounds, console=console),
        Which.RECEIVER: lambda: receiver.run(folder, rounds=rounds, console=console),
        Which.SOAK: lambda: soak.run(folder, events=soak_events, console=console),
        Which.POINT_IN_TIME: lambda: point_in_time.run(folder, examples=examples, rounds=rounds, console=console),
        Which.FEATURE_READ: lambda: feature_read.run(folder, home=demo, rounds=rounds, console=console),
        Which.ENGINES: lambda: engines.run(folder, events=lake_events, rounds=rounds, console=console),
        Which.BACKFILL: lambda: backfill.run(folder, events=history, console=console),
        Which.SCORING: lambda: scoring.run(folder, home=demo, rounds=rounds, console=console),
    }
    for which, run in runs.items():
        if only in (None, which):
            console.rule(which)
            try:
                _conclude(run(), folder, console)
            except LeadlineError as error:  # the other benchmark is still worth its time
                console.print(f"[red]{which} was not measured:[/] {escape(str(error))}")
                failed = True
    if bank is not None:
        console.rule("bank marketing")
        failed |= subprocess.run([sys.executable, "-m", "examples.bank_marketing", "--data", bank]).returncode != 0
    raise typer.Exit(1 if failed else 0)


def _conclude(result: Result, folder: Path, console: Console) -> None:
    result.show(console)
    console.print(f"raw figures: {result.write(folder)}")
    for goal in result.goals:
        if goal.verdict == "floor missed":
            console.print(f"[bold red]floor missed:[/] {goal.name}")


if __name__ == "__main__":
    typer.run(main)
