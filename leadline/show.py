"""What people look at: decisions as a table, a receipt as a tree, verifications, the report's totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from governance.trace import FeatureTrace, Receipt
from governance.verify import Verification
from leadline.report import Report
from scoring.decision import Decision, Tier

TIER_STYLES = {Tier.HOT: "bold red", Tier.WARM: "yellow", Tier.COLD: "blue"}
EVENTS_SHOWN = 3
LONG_VALUE = 40


def decisions_table(decisions: Iterable[Decision], title: str) -> Table:
    """One row a decision: score, tier, route and the reasons that moved it most."""
    table = Table(title=title, title_justify="left", header_style="bold", show_lines=True)
    table.add_column("lead", no_wrap=True)
    for name in ("score", "tier", "route"):
        table.add_column(name, justify="right" if name == "score" else "left")
    table.add_column("what moved it most")
    for decision in decisions:
        reasons = [Text(_signed(reason.text, reason.contribution)) for reason in decision.reasons[:3]]
        table.add_row(
            decision.lead[:15] + "…",
            f"{decision.score:.1f}",
            Text(decision.tier, style=TIER_STYLES[decision.tier]),
            decision.route.replace("_", " "),
            Group(*reasons),
        )
    return table


def _signed(text: str, contribution: float) -> str:
    return f"{'▲' if contribution > 0 else '▼'} {text} ({contribution:+.2f})"


def decision_panel(decision: Decision) -> Group:
    """One decision in full."""
    facts = Table.grid(padding=(0, 2))
    facts.add_row("decision", decision.id)
    facts.add_row("lead", decision.lead + (f" (asked as {decision.requested})" if _renamed(decision) else ""))
    facts.add_row("score", f"{decision.score:.2f} of 100, confidence {decision.confidence:.2f}")
    facts.add_row("tier, route", f"{decision.tier} → {decision.route.replace('_', ' ')}: {decision.next_step}")
    facts.add_row("model", f"{decision.model.name} version {decision.model.version}, {decision.model.digest[:12]}…")
    facts.add_row("policy", f"{decision.policy.name} version {decision.policy.version}, rule {decision.policy.rule}")
    facts.add_row("sources", _spoke(decision))
    if decision.degraded:
        facts.add_row("degraded", ", ".join(decision.degraded))
    return Group(decisions_table([decision], ""), facts)


def _spoke(decision: Decision) -> str:
    """How long ago each source last spoke of the lead."""
    return ", ".join(f"{system} {age / 86_400:.1f} d ago" for system, age in decision.source_ages.items())


def _renamed(decision: Decision) -> bool:
    return decision.requested != decision.lead


def receipt_tree(receipt: Receipt) -> Tree:
    """From the score back to raw offsets."""
    decision = receipt.decision
    root = Tree(f"[bold]score {decision.score:.2f}[/bold] → {decision.tier}, {decision.route}   decision {decision.id}")
    if receipt.parted:
        people = ", ".join(receipt.parted)
        root.add(f"[red]identity superseded[/red]: what was taken for one person is {len(receipt.parted)}: {people}")
    policy = decision.policy
    root.add(f"policy {policy.name} version {policy.version} ({policy.digest[:12]}…): rule [bold]{policy.rule}[/bold]")
    model = decision.model
    branch = root.add(f"model {model.name} version {model.version}, bundle sha256 {model.digest[:16]}…")
    if decision.probability is not None:
        branch.add(f"margin {decision.margin:+.4f} → probability {decision.probability:.4f}")
    if decision.enrichment is not None:
        reading = decision.enrichment
        branch = root.add(
            f"reading of the free text by {reading.provider}, prompt {reading.prompt_version}: "
            f"{reading.score:.0f} of 100, confidence {reading.confidence:.2f}"
        )
        branch.add(f"content hash {reading.content_hash[:16]}…, read at {reading.read_at:%Y-%m-%d %H:%M:%S} UTC")
    for state in (decision.lead_state, decision.account_state):
        if state is not None:
            root.add(f"state of {state.key}: change {state.sequence}, known {state.known_at:%Y-%m-%d %H:%M:%S} UTC")
    root.add(f"newest event of each source: {_spoke(decision)}")
    features = root.add(f"features as of {decision.as_of:%Y-%m-%d %H:%M:%S} UTC ({decision.feature_service})")
    for feature in receipt.features:
        _add_feature(features, feature)
    return root


def _add_feature(parent: Tree, feature: FeatureTrace) -> None:
    value = "missing" if feature.value is None else f"{feature.value:g}"
    age = "" if feature.age_seconds is None else f", {feature.age_seconds / 86_400:.1f} d old"
    moved = "" if feature.contribution is None else f" ({feature.contribution:+.2f})"
    branch = parent.add(f"[bold]{feature.name}[/bold] = {value}{age}{moved}")
    for event in feature.events[:EVENTS_SHOWN]:
        raw = event.raw
        branch.add(
            f"{event.type} {event.time:%Y-%m-%d %H:%M} ← {raw.topic}/{raw.partition} offset {raw.offset}"
            f"[dim] element {raw.index}, sha256 {raw.sha256[:12]}…[/dim]"
        )
    if len(feature.events) > EVENTS_SHOWN:
        branch.add(f"[dim]and {len(feature.events) - EVENTS_SHOWN} more[/dim]")


def verification_table(verification: Verification) -> Table:
    """What was recorded, what was recomputed, and whether they are the same."""
    table = Table(title=f"decision {verification.decision}", title_justify="left", header_style="bold")
    for name in ("value", "recorded", "recomputed", ""):
        table.add_column(name)
    for check in verification.checks:
        mark = Text("same", style="green") if check.held else Text("DIFFERS", style="bold red")
        shown = (check.recorded, check.recomputed)
        table.add_row(check.name, *(map(_short, shown) if check.held else shown), mark)
    return table


def _short(text: str) -> str:
    return text if len(text) <= LONG_VALUE else f"{text[: LONG_VALUE - 1]}…"


def totals(report: Report) -> str:
    """The run in one line."""
    return (
        f"{report.events_published:,} events published = {report.canonical:,} canonical + {report.quarantined:,} "
        f"quarantined + {report.duplicates_dropped:,} duplicates · {report.identity_people_found:,} people, "
        f"{report.merges:,} merges · AUROC {report.model_auroc_holdout:.3f} "
        f"(baseline {report.baseline_auroc_holdout:.3f}) · {report.decisions_verified:,} of {report.decisions:,} "
        f"decisions verified · {report.pipeline_events_per_second:,.0f} events/s · "
        f"score p50 {report.score_p50_ms:.1f} ms, p99 {report.score_p99_ms:.1f} ms · "
        f"freshness p99 {report.freshness_p99_ms:.0f} ms"
    )


def broken(sentences: Sequence[str]) -> Text:
    """The invariants that did not hold."""
    return Text("\n".join(f"✗ {sentence}" for sentence in sentences), style="bold red")
