"""What people ask the platform from the command line, and how the answers look."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx2
import msgspec
from rich.console import Console
from rich.table import Table

from features.history import LEAD, read_history
from features.settings import feature_set, history_of, with_service
from governance.evidence import LakeView
from governance.trace import trace
from governance.verify import Verification, Verifier
from ingestion.database import open_database
from ingestion.settings import PlatformSettings
from leadline import keys, show
from leadline.errors import LeadlineError, NotSetUp
from registry.errors import BundleError
from scoring import policy
from scoring.decision import Decision, decode_decision
from scoring.ledger import Ledger
from scoring.model import BundleModel, Model
from scoring.rules import RulesModel

TIMEOUT_SECONDS = 10
PAGE = 1_000


def train_and_show(settings: PlatformSettings, console: Console) -> None:
    """Train with progress, then the figures."""
    from registry.app import run_training

    with console.status("training") as status:
        report = run_training(settings, lambda step: status.update(step))
    table = Table(title=f"{report.model_name} version {report.version}", title_justify="left", show_header=False)
    table.add_row("rows", f"{report.rows:,}, of them {report.won:,} won; {report.rows_holdout:,} held out")
    table.add_row("AUROC", f"{report.auroc_holdout:.3f} (logistic regression {report.baseline_auroc_holdout:.3f})")
    table.add_row("calibration error", f"{report.ece_holdout:.3f}")
    table.add_row("promoted" if report.promoted else "not promoted", report.why)
    console.print(table)


def list_leads(settings: PlatformSettings, limit: int, as_json: bool, console: Console) -> None:
    """Leads with features, newest change first; absorbed ones are left out."""
    leads = newest_leads(settings)[:limit]
    if as_json:
        sys.stdout.write(msgspec.json.encode([lead for lead, *_ in leads]).decode() + "\n")
        return
    table = Table(header_style="bold")
    for name in ("lead", "account", "newest change known"):
        table.add_column(name, overflow="fold")
    for lead, account, known_at in leads:
        table.add_row(lead, account or "", f"{known_at:%Y-%m-%d %H:%M:%S}")
    console.print(table)


def newest_leads(settings: PlatformSettings) -> list[tuple[str, str | None, object]]:
    """Every lead that is not absorbed, with its account and when its newest row became known; newest first."""
    newest = {}
    for row in read_history(history_of(settings), LEAD, ("key", "account", "known_at", "forward")).to_pylist():
        newest[row["key"]] = row
    live = [row for row in newest.values() if row["forward"] is None]
    live.sort(key=lambda row: row["known_at"], reverse=True)
    return [(row["key"], row["account"], row["known_at"]) for row in live]


def score_lead(lead: str, url: str, home: Path, console: Console) -> None:
    """Ask the API and show the decision."""
    key = keys.ensure(home)[keys.CLIENT_KEY]
    try:
        answer = httpx2.post(
            f"{url}/v1/scores", json={"lead": lead}, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_SECONDS
        )
    except httpx2.TransportError as error:
        raise NotSetUp(f"no scoring API answers at {url}: {error}. Start one with `leadline up`.") from None
    if answer.status_code != httpx2.codes.OK:
        problem = answer.json()
        raise LeadlineError(f"{problem.get('title')}: {problem.get('detail')}")
    console.print(show.decision_panel(decode_decision(answer.content)))


def show_trace(settings: PlatformSettings, decision_id: str, console: Console) -> None:
    """The receipt as a tree."""
    decision = _ledger(settings).get(decision_id)
    features = feature_set(with_service(settings, decision.feature_service))
    console.print(show.receipt_tree(trace(decision, LakeView.of(settings.lake, [decision], features))))


def show_verification(settings: PlatformSettings, decision_id: str, console: Console) -> int:
    """Verify one decision or all of them; 0 if every value is the same."""
    ledger = _ledger(settings)
    if decision_id != "all":
        decision = ledger.get(decision_id)
        own = with_service(settings, decision.feature_service)
        verification = verifier_for(own, [decision]).verify(decision)
        console.print(show.verification_table(verification))
        return 0 if verification.held else 1
    decisions = all_decisions(ledger)
    verifications: list[Verification] = []
    for service in sorted({decision.feature_service for decision in decisions}):
        of_set = [decision for decision in decisions if decision.feature_service == service]
        verifications += map(verifier_for(with_service(settings, service), of_set).verify, of_set)
    failed = [verification for verification in verifications if not verification.held]
    for verification in failed[:5]:
        console.print(show.verification_table(verification))
    console.print(f"{len(decisions) - len(failed):,} of {len(decisions):,} decisions verified")
    return 1 if failed else 0


def all_decisions(ledger: Ledger) -> list[Decision]:
    """Everything in the ledger, by id."""
    found: list[Decision] = []
    last = ""
    while page := ledger.ids(last, PAGE):
        found += ledger.many(page)
        last = page[-1]
    return found


def verifier_for(settings: PlatformSettings, decisions: list[Decision]) -> Verifier:
    """A verifier with this platform's features, the lake's events, the models and policies that the decisions name."""
    from registry.app import model_cache
    from registry.champion import registered

    models: dict[str, Model] = {}
    features = feature_set(settings)
    for digest, ref in {decision.model.digest: decision.model for decision in decisions}.items():
        if ref.kind == "rules":
            rules = RulesModel(features.names)
            models[rules.ref.digest] = rules
            continue
        try:
            bundle = registered(settings.mlflow_tracking_uri, model_cache(settings), ref.version, digest, ref.name)
        except BundleError:
            continue  # the verification says that it is not in the registry
        models[digest] = BundleModel(bundle)
    versions = {decision.policy.version for decision in decisions}
    policies = {loaded.digest: loaded for loaded in map(policy.load, versions)}
    return Verifier(LakeView.of(settings.lake, decisions, features), models, policies)


def _ledger(settings: PlatformSettings) -> Ledger:
    return Ledger(open_database(settings.database_url))
