"""`python -m examples.bank_marketing --data bank-full.csv`: the real-label check of the whole way."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from examples.bank_marketing.contacts import read_calls
from examples.bank_marketing.definitions import BANK
from examples.bank_marketing.direct import direct_auroc
from examples.bank_marketing.events import messages
from examples.bank_marketing.frame import training_frame, with_duration
from examples.bank_marketing.replay import platform, replay
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError
from registry import gate
from registry.app import model_cache
from registry.errors import TrainingStopped
from registry.frame import TrainingFrame
from registry.pipeline import Plan, TrainingReport, train_and_register

MODEL_NAME = "bank_marketing"
TOLERANCE = 0.005  # of AUROC, between the whole way and scikit-learn alone


def main(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="bank-full.csv; see this folder's README.")],
    rows: Annotated[int | None, typer.Option(min=2000, help="Only the first so many calls.")] = None,
) -> None:
    """Replay the calls through Kafka, ingestion, features and Feast; train; compare with scikit-learn alone."""
    console, began = Console(), time.monotonic()

    def say(message: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {message}")

    calls = read_calls(data, rows)
    sent = messages(calls)
    say(f"{len(calls):,} calls are {len(sent):,} canonical events")
    try:
        with tempfile.TemporaryDirectory() as folder, platform(Path(folder), say) as (settings, stack):
            events = replay(settings, stack, sent)
            say(f"{len(events):,} events are in the lake, {len({event.lead for event in events}):,} leads")
            frame = training_frame(settings, events, calls)
            say(f"Feast joined {frame.rows:,} snapshots of {len(frame.feature_names)} features")
            stopped = _stopped(with_duration(frame, events))
            say(f"with duration: {stopped}")
            report = _train(settings, frame, say)
    except LeadlineError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from error
    direct = direct_auroc(data, Plan(BANK.service, BANK.hash).parameters, rows)
    difference = abs(report.auroc_holdout - direct)
    console.print(_table(report, direct, stopped is not None))
    if difference > TOLERANCE or stopped is None:
        raise typer.Exit(1)


def _stopped(frame: TrainingFrame) -> str | None:
    """Why a training with the duration of the call is refused; None if it is not."""
    try:
        gate.require(gate.examine(frame, datetime.now(UTC)))
    except TrainingStopped as error:
        return str(error)
    return None


def _train(settings: PlatformSettings, frame: TrainingFrame, say: Callable[[str], None]) -> TrainingReport:
    return train_and_register(
        frame,
        Plan(BANK.service, BANK.hash, model_name=MODEL_NAME),
        tracking_uri=settings.mlflow_tracking_uri,
        cache_dir=model_cache(settings),
        now=datetime.now(UTC),
        progress=say,
    )


def _table(report: TrainingReport, direct: float, stopped: bool) -> Table:
    table = Table(title=f"The newest {report.rows_holdout:,} of {report.rows:,} calls", show_header=False)
    table.add_row("AUROC, the whole way", f"{report.auroc_holdout:.4f}")
    table.add_row("AUROC, scikit-learn on the file", f"{direct:.4f}")
    table.add_row("difference", f"{abs(report.auroc_holdout - direct):.4f} (at most {TOLERANCE})")
    table.add_row("AUROC, logistic baseline", f"{report.baseline_auroc_holdout:.4f}")
    table.add_row("duration", "stopped by the leakage check" if stopped else "[red]not stopped[/]")
    table.add_row("champion", report.why)
    return table


if __name__ == "__main__":
    typer.run(main)
