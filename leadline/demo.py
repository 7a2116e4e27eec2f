"""The demo: a company's year through the whole platform once, with every invariant checked."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from features.settings import feature_set
from governance.evidence import LakeView
from governance.trace import trace
from ingestion.database import open_database
from leadline import show
from leadline.broker import free_port
from leadline.checks import Checks, compare_online_offline, compare_recompute
from leadline.client import ScoringClient
from leadline.company import generate
from leadline.freshness import measure_freshness
from leadline.home import occupied
from leadline.platform import Platform
from leadline.questions import all_decisions, newest_leads, verifier_for
from leadline.report import BrokerInfo, Report
from leadline.seed import Publisher, publish_all
from registry.app import run_training
from scoring.decision import Decision
from scoring.ledger import Ledger

SINGLE_REQUESTS = 1_000
BEST = 10
KEPT = frozenset({"lock"})


def run_demo(home: Path, *, leads: int, seed: int, console: Console) -> int:
    """Run it in `home` from nothing; 0 if every invariant held, else 1."""
    with occupied(home), ExitStack() as stack:
        _empty(home)
        run = Demo(home, leads=leads, seed=seed, console=console, stack=stack)
        report, decisions = run.run()
    report.write(home / "demo" / "report.json")
    best = sorted(decisions, key=lambda decision: (-decision.score, decision.lead))[:BEST]
    console.print()
    console.print(show.decisions_table(best, f"The {len(best)} best leads"))
    settings = run.platform.settings
    console.print(show.receipt_tree(trace(best[0], LakeView.of(settings.lake, best[:1], feature_set(settings)))))
    console.print(show.totals(report))
    console.print(f"report: {home / 'demo' / 'report.json'}   ask further: leadline trace {best[0].id}")
    if broken := report.broken_invariants():
        console.print(show.broken(broken))
        return 1
    console.print("[green]every invariant held[/green]")
    return 0


def _empty(home: Path) -> None:
    for entry in home.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name not in KEPT:
            entry.unlink()


class Demo:
    """One run, phase by phase."""

    def __init__(self, home: Path, *, leads: int, seed: int, console: Console, stack: ExitStack) -> None:
        self._leads = leads
        self._seed = seed
        self._seconds: dict[str, float] = {}
        self._progress = stack.enter_context(
            Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                console=console,
            )
        )
        with self._phase("broker and stores"):
            self.platform = stack.enter_context(Platform(home, say=console.print))

    def run(self) -> tuple[Report, list[Decision]]:
        """All phases. Returns the report and the decisions about leads that are still there."""
        platform = self.platform
        platform.start("ingest", "lake", "features", "ledger", "enrich")
        with self._phase("inventing the company's year"):
            company = generate(seed=self._seed, leads=self._leads, end=datetime.now(UTC))
            truth_file = platform.home / "demo" / "truth.json"
            truth_file.parent.mkdir(parents=True, exist_ok=True)
            truth_file.write_bytes(company.truth.to_json())
        platform.wait_for_workers()
        publisher = Publisher(platform.settings)
        with self._phase("raw topics → identities → features") as task:
            began = time.monotonic()
            coordinates = publish_all(publisher, company.messages)
            platform.wait_until_drained(
                lambda left, total: self._progress.update(task, completed=total - left, total=total)
            )
            pipeline_seconds = time.monotonic() - began
        with self._phase("comparing with the ground truth"):
            checks = Checks.of(platform, company.truth, coordinates)
        with self._phase("training on outcomes") as task:
            training = run_training(
                platform.settings,
                lambda step: self._progress.update(task, description=f"training on outcomes: {step}"),
            )
        with self._phase("starting the scoring API"):
            client = platform.start_api(free_port())
            platform.start("stream")
        with self._phase("scoring every lead") as task:
            leads = [lead for lead, *_ in newest_leads(platform.settings)]
            latencies, decisions = self._score(client, leads)
        with self._phase("live traffic: stream scorer and freshness"):
            freshness = measure_freshness(platform, company, publisher, seed=self._seed)
        publisher.close()
        with self._phase("online = offline = batch recompute"):
            platform.wait_until_drained()
            compared, mismatched = compare_online_offline(platform.settings)
            recomputed, differing = compare_recompute(platform.settings)
        with self._phase("verifying every decision"):
            recorded = self._recorded(len(decisions))
            verifier = verifier_for(platform.settings, recorded)
            verified = sum(verifier.verify(decision).held for decision in recorded)
        truth = company.truth
        return Report(
            events_published=truth.totals["elements"],
            raw_messages=len(company.messages),
            raw_accepted=checks.good + checks.quarantined + checks.duplicates,
            canonical=checks.good,
            quarantined=checks.quarantined,
            quarantined_by_reason=checks.reasons,
            duplicates_dropped=checks.duplicates,
            test_or_bot_excluded=checks.test_or_bot,
            fates_wrong=len(checks.fates.wrong),
            identity_people_expected=checks.people.expected,
            identity_people_found=checks.people.found,
            identity_pairs_wrong=checks.people.pairs_wrong,
            merges=checks.merges,
            online_offline_rows_compared=compared,
            online_offline_mismatches=mismatched,
            batch_recompute_rows_compared=recomputed,
            batch_recompute_mismatches=differing,
            training_rows=training.rows,
            model_auroc_holdout=training.auroc_holdout,
            model_ece_holdout=training.ece_holdout,
            baseline_auroc_holdout=training.baseline_auroc_holdout,
            model_promoted=training.promoted,
            decisions=len(recorded),
            decisions_verified=verified,
            decisions_mismatched=len(recorded) - verified,
            freshness_p50_ms=freshness.p50_ms,
            freshness_p99_ms=freshness.p99_ms,
            score_p50_ms=_percentile(latencies, 50),
            score_p99_ms=_percentile(latencies, 99),
            pipeline_events_per_second=truth.totals["elements"] / pipeline_seconds,
            broker=BrokerInfo(platform.broker.kind, platform.broker.version),
            seconds_by_phase={name: round(seconds, 2) for name, seconds in self._seconds.items()},
        ), decisions

    def _score(self, client: ScoringClient, leads: list[str]) -> tuple[list[float], list[Decision]]:
        """Single requests for the latency, batches for the rest."""
        latencies, decisions = [], []
        for lead in leads[:SINGLE_REQUESTS]:
            began = time.perf_counter()
            decisions.append(client.score(lead))
            latencies.append((time.perf_counter() - began) * 1000)
        for start in range(SINGLE_REQUESTS, len(leads), 1000):
            decisions += client.score_batch(leads[start : start + 1000])
        return latencies, decisions

    def _recorded(self, at_least: int) -> list[Decision]:
        """Everything in the ledger, once it holds what the API answered."""
        ledger = Ledger(open_database(self.platform.settings.database_url))
        self.platform.wait_until(lambda: ledger.count() >= at_least, f"{at_least} decisions in the ledger", 30)
        self.platform.wait_for_decisions()
        return all_decisions(ledger)

    @contextmanager
    def _phase(self, name: str) -> Iterator[TaskID]:
        task = self._progress.add_task(name, total=None)
        began = time.monotonic()
        yield task
        self._seconds[name] = time.monotonic() - began
        self._progress.update(task, total=1, completed=1)


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 3) if ordered else 0.0
