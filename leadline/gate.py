"""What the feature gate says, as a person at the console sees it: of a snapshot of now, and of the days before."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from features.app import snapshot_gate
from features.drift import by_drift, has_drifted
from features.feature_set import FeatureSet
from features.reference import Reference
from features.snapshot_gate import Judged, Trained
from ingestion.contracts.raw import ALERTS_TOPIC
from ingestion.kafka import scan_topic
from ingestion.settings import PlatformSettings
from leadline.errors import NotSetUp
from leadline.gate_page import page_of
from quality.verdict import Action, Verdict
from registry.app import model_cache
from registry.champion import current
from registry.errors import BundleError, RegistryUnavailable

log = logging.getLogger(__name__)

SHOWN = 20  # verdicts of the days before


def trained_by(settings: PlatformSettings) -> Trained:
    """What the champion was trained on; None where there is none, or it was trained on other features."""

    def trained(features: FeatureSet) -> Reference | None:
        try:
            champion = current(settings.mlflow_tracking_uri, model_cache(settings))
        except (BundleError, RegistryUnavailable) as error:
            log.warning("features are held to the first snapshot, as the champion cannot be asked: %s", error)
            return None
        if champion is None or champion.feature_hash != features.hash:
            return None
        known = {name: each.distribution for name, each in champion.reference.items() if each.distribution is not None}
        return Reference(f"the training of model version {champion.version}", known) if known else None

    return trained


def show_gate(settings: PlatformSettings, html: Path | None, console: Console) -> int:
    """Judge a snapshot of now and show it; 0 if every suite passed.

    Raises:
        NotSetUp: no lead has features yet.
    """
    with console.status("taking a snapshot of what is served"):
        found = snapshot_gate(settings, trained_by(settings)).judge()
    if not found.leads:
        raise NotSetUp(
            "no lead has features yet, so there is nothing to judge. Publish events, e.g. with `leadline up`."
        )
    if found.reference is None:
        console.print(
            "No model was trained on these features, and no snapshot was kept before: drift is not judged yet."
        )
    else:
        console.print(f"{found.leads:,} leads against {found.reference.of}")
        console.print(drift_table(found))
    console.print(verdicts_table(found.verdicts))
    if html is not None:
        html.write_text(page_of(found, settings.feature_set))
        console.print(f"page: {html}")
    return 0 if all(verdict.action is Action.PASS for verdict in found.verdicts) else 1


def show_alerts(settings: PlatformSettings, console: Console) -> None:
    """The newest verdicts of the stage's gates on the topic `alerts`, which holds what did not pass, for days."""
    decode = msgspec.json.Decoder(Verdict).decode
    verdicts = (decode(record.value) for record in scan_topic(settings.kafka_bootstrap_servers, ALERTS_TOPIC))
    newest = deque((verdict for verdict in verdicts if verdict.stage == "features"), SHOWN)
    console.print(verdicts_table(newest) if newest else "No gate of features has found anything lately.")


def drift_table(found: Judged) -> Table:
    """A line for each feature, those that drifted first."""
    table = Table("feature", header_style="bold")
    for column in ("PSI", "KS", "critical", "missing then", "missing now"):
        table.add_column(column, justify="right")
    for name, shift in by_drift(found.shifts):
        figures = (_figure(each) for each in (shift.psi, shift.ks, shift.critical))
        shares = f"{shift.was_missing:.1%}", f"{shift.missing:.1%}"
        table.add_row(name, *figures, *shares, style="red" if has_drifted(shift) else "")
    return table


def verdicts_table(verdicts: Iterable[Verdict]) -> Table:
    """A line for each verdict."""
    table = Table("at, UTC", "suite", "verdict", "leads", header_style="bold")
    table.add_column("what was found", overflow="fold")
    for verdict in verdicts:
        told = "\n".join(f"{finding.expectation}: {finding.observed}" for finding in verdict.findings)
        style = "" if verdict.action is Action.PASS else "red"
        table.add_row(
            f"{verdict.at:%m-%d %H:%M}", verdict.suite, verdict.action, f"{verdict.rows:,}", told, style=style
        )
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
