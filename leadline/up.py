"""Run the platform continuously with live demo traffic, until Ctrl-C."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ingestion.database import open_database
from leadline.company import Company, generate, live
from leadline.environment import until_told_to_stop
from leadline.home import occupied
from leadline.platform import Platform
from leadline.questions import newest_leads
from leadline.seed import Publisher, publish_all
from registry.app import run_training
from scoring.ledger import Ledger

SEED = 7
REFRESH_SECONDS = 2.0


def run_up(home: Path, *, leads: int, events_per_second: float, port: int, console: Console) -> None:
    """Start everything; an empty home gets a company's year and a model first."""
    stop = until_told_to_stop()
    with occupied(home), Platform(home, say=console.print) as platform:
        platform.start("ingest", "lake", "features", "ledger", "enrich")
        company = generate(seed=SEED, leads=leads, end=datetime.now(UTC))
        publisher = Publisher(platform.settings)
        platform.wait_for_workers()
        if not newest_leads(platform.settings):
            _seed(platform, company, publisher, console)
        platform.start_api(port)
        platform.start("stream")
        platform.stack.start("parity", "features", "monitor")
        console.print(f"API on http://127.0.0.1:{port}, its key in {home / 'secrets.env'} (LEADLINE_CLIENT_KEY)")
        console.print("try: leadline leads, leadline score LEAD, leadline trace DECISION. Ctrl-C ends everything.")
        traffic = threading.Thread(
            target=_traffic, args=(company, publisher, events_per_second, stop), name="traffic", daemon=True
        )
        traffic.start()
        _watch(platform, console, stop)
        traffic.join()
        publisher.close()


def _seed(platform: Platform, company: Company, publisher: Publisher, console: Console) -> None:
    with console.status("reading a year of the demo company"):
        publish_all(publisher, company.messages)
        platform.wait_until_drained()
    with console.status("training") as status:
        report = run_training(platform.settings, lambda step: status.update(f"training: {step}"))
    console.print(f"model version {report.version}: AUROC {report.auroc_holdout:.3f}. {report.why}")


def _traffic(company: Company, publisher: Publisher, events_per_second: float, stop: threading.Event) -> None:
    messages = live(company, seed=SEED, start=datetime.now(UTC), events_per_second=events_per_second)
    for message in messages:
        wait = message.received.timestamp() - time.time()
        if stop.wait(max(0.0, wait)):
            return
        publisher.publish(message)


def _watch(platform: Platform, console: Console, stop: threading.Event) -> None:
    """Show the newest decisions until told to stop. Raises `StackError` if a service dies."""
    ledger = Ledger(open_database(platform.settings.database_url))
    with Live(console=console, auto_refresh=False) as screen:
        while not stop.wait(REFRESH_SECONDS):
            platform.stack.require_running()
            table = Table("decided", "lead", "score", "tier", "route", "what moved it most", header_style="bold")
            for decision in ledger.newest(12):
                reason = decision.reasons[0].text if decision.reasons else ""
                when = f"{decision.as_of:%H:%M:%S}"
                table.add_row(when, decision.lead, f"{decision.score:.1f}", decision.tier, decision.route, reason)
            screen.update(table, refresh=True)
