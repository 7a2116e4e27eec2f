"""The command line: each service and each question as one command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from governance.errors import GovernanceError
from ingestion.errors import IngestionError
from leadline import environment
from leadline.broker import BrokerError
from leadline.errors import LeadlineError
from registry.errors import RegistryError
from scoring.errors import ScoringError

app = typer.Typer(
    name="leadline",
    help="Streaming feature-store scoring for B2B leads, with a receipt for every score.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold personal data
    add_completion=False,
)
console = Console()

RUN = "Run the platform"
SERVICES = "Services (one process each)"
MODELS = "Models"
QUESTIONS = "Questions"


@app.command(rich_help_panel=RUN)
def demo(
    leads: Annotated[
        int, typer.Option(min=50, help="People in the demo company; 2,000 give about 60,000 events.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same year.")] = 7,
) -> None:
    """Run a demo company's year through the whole platform once, and check every invariant.

    Starts a local broker, publishes the events of CRM, product, support and marketing, scores the leads,
    re-verifies every decision and writes .local/demo/report.json. Exits with 1 if an invariant did not hold.
    """
    from leadline.demo import run_demo

    raise SystemExit(run_demo(environment.home(), leads=leads, seed=seed, console=console))


@app.command(rich_help_panel=RUN)
def up(
    leads: Annotated[int, typer.Option(min=50, help="People in the demo company when the home is empty.")] = 500,
    events_per_second: Annotated[float, typer.Option(min=0.1, max=500, help="Live demo traffic.")] = 5.0,
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Port of the API on localhost.")] = 8080,
) -> None:
    """Run the platform with live demo traffic and the API on localhost until Ctrl-C."""
    from leadline.up import run_up

    run_up(environment.home(), leads=leads, events_per_second=events_per_second, port=port, console=console)


@app.command(rich_help_panel=RUN)
def down() -> None:
    """Delete everything that demo and up keep in .local (not the cached broker)."""
    from leadline.home import clear

    clear(environment.home())
    console.print(f"{environment.home()} is empty.")


@app.command(rich_help_panel=RUN)
def init() -> None:
    """Prepare the stores: topics, database schema, Feast declarations. Safe to repeat."""
    from leadline import keys
    from leadline.setup import prepare

    prepare(environment.settings(make_keys=not keys.given()))


@app.command(rich_help_panel=SERVICES)
def receive(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8090,
) -> None:
    """The webhook receiver: senders' requests, verified, onto the raw topics."""
    from ingestion.app import run_receiver

    run_receiver(environment.settings(), host=host, port=port)


@app.command(rich_help_panel=SERVICES)
def ingest() -> None:
    """Raw topics to canonical events: decode, contract, identity, gate, quarantine."""
    from ingestion.app import run_ingestion

    run_ingestion(environment.settings(), environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def lake() -> None:
    """Append canonical events to the Delta table `events`, exactly once."""
    from ingestion.app import run_lake

    run_lake(environment.settings(), environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def features() -> None:
    """Fold canonical events into feature state: Feast online store and offline history."""
    from features.app import run_features

    run_features(environment.settings(), environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def enrich() -> None:
    """Read leads' free text with the provider chain and keep the reading as a feature."""
    from scoring.app import run_enrichment

    run_enrichment(environment.settings(), environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def stream() -> None:
    """Score each lead whose features changed materially."""
    from scoring.app import run_stream

    run_stream(environment.settings(), environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def ledger() -> None:
    """Write decisions from Kafka to the ledger table."""
    from scoring.app import run_ledger

    run_ledger(environment.settings(), environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8080,
) -> None:
    """The scoring API."""
    from scoring.app import run_api

    run_api(environment.settings(), host=host, port=port)


@app.command(rich_help_panel=MODELS)
def train() -> None:
    """Train on outcomes, register the model, and promote it if it has earned it."""
    from leadline.questions import train_and_show

    train_and_show(environment.settings(), console)


@app.command(rich_help_panel=QUESTIONS)
def conformance(
    url: Annotated[str, typer.Argument(help="Of a running receiver, e.g. http://127.0.0.1:8090.")],
    key: Annotated[
        list[str] | None,
        typer.Option(help="CONNECTION=env:NAME or CONNECTION=file:PATH: a sender's private key (SendGrid)."),
    ] = None,
) -> None:
    """Play every declared sender against a receiver: signed, forged, stale, replayed, broken and oversize requests.

    What is signed properly is taken: each connection gets a few deliveries, marked as tests where their vendor has a
    mark, the rest set aside in quarantine. Exits with 1 if the receiver did not do as it must.
    """
    from leadline.conformance import show_conformance

    raise SystemExit(show_conformance(environment.settings(), url, key or [], console))


@app.command(rich_help_panel=QUESTIONS)
def leads(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Ids as a JSON array.")] = False,
) -> None:
    """List leads that have features, most recently active first."""
    from leadline.questions import list_leads

    list_leads(environment.settings(), limit, as_json, console)


@app.command(rich_help_panel=QUESTIONS)
def score(
    lead: Annotated[str, typer.Argument(help="A lead id (ld_…).")],
    url: Annotated[str, typer.Option(help="The scoring API.")] = "http://127.0.0.1:8080",
) -> None:
    """Ask the running API to score LEAD, and show why."""
    from leadline.questions import score_lead

    score_lead(lead, url, environment.home(), console)


@app.command(rich_help_panel=QUESTIONS)
def trace(decision: Annotated[str, typer.Argument(help="A decision id.")]) -> None:
    """Show where DECISION came from: policy, model, features, events, raw offsets."""
    from leadline.questions import show_trace

    show_trace(environment.settings(), decision, console)


@app.command(rich_help_panel=QUESTIONS)
def verify(
    decision: Annotated[str, typer.Argument(help="A decision id, or `all`.")],
) -> None:
    """Recompute DECISION from the lake, the model bundle and the policy, and compare every value exactly."""
    from leadline.questions import show_verification

    raise SystemExit(show_verification(environment.settings(), decision, console))


company = typer.Typer(help="The demo company's traffic.", no_args_is_help=True)
app.add_typer(company, name="demo-company", rich_help_panel=RUN)


@company.command()
def publish(
    leads: Annotated[int, typer.Option(min=50, help="People in the company.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same year.")] = 7,
) -> None:
    """Publish one year of the demo company to the raw topics."""
    from leadline.seed import publish_year

    publish_year(environment.settings(), leads=leads, seed=seed, console=console)


def main() -> None:
    """Entry point: expected errors in one sentence, everything else with its traceback."""
    try:
        app()
    except (IngestionError, RegistryError, ScoringError, GovernanceError, LeadlineError, BrokerError) as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/red]: {error}", highlight=False)
        sys.exit(1)
