"""The command line: each service and each question as one command."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from governance.errors import GovernanceError
from ingestion.contracts.event import EventType
from ingestion.errors import IngestionError
from ingestion.importer.known_at import KnownAt
from leadline import environment, features_cli, identity_cli, quarantine_cli
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


@app.command("import", rich_help_panel=RUN)
def import_(
    files: Annotated[list[str], typer.Argument(help="Files, folders, patterns in quotes, or - for standard input.")],
    source: Annotated[str, typer.Option(help="Whose events they are, e.g. segment; a wrong one lists all.")],
    account: Annotated[
        str | None, typer.Option(help="Your account with the sender, as its live events have it; else `default`.")
    ] = None,
    known_at: Annotated[
        KnownAt, typer.Option(help="event-time: history, known when it happened. now: news, known from now on.")
    ] = KnownAt.NOW,
) -> None:
    """Send the rows of files the way live events go: JSON lines, JSON arrays, CSV, Parquet; also .gz and .zip.

    After Ctrl-C or a crash the same command goes on where it was. Exits with 1 if a file could not be read or a row was
    too large. docs/how-to-import-history.md
    """
    from leadline.importing import import_files

    status = import_files(
        environment.settings(), files, source=source, account=account, known_at=known_at, console=console
    )
    raise SystemExit(status)


@app.command(rich_help_panel=SERVICES)
def receive(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8090,
) -> None:
    """The webhook receiver: senders' requests, verified, onto the raw topics.

    Who may send stands in the file that LEADLINE_CONNECTIONS names: see docs/how-to-connect-a-sender.md.
    """
    from ingestion.app import run_receiver

    environment.until_told_to_stop()  # uvicorn raises the signal once more when it is done, and must not die of it
    run_receiver(environment.receiver_settings(), host=host, port=port)


@app.command(rich_help_panel=SERVICES)
def ingest() -> None:
    """Raw topics to canonical events: decode, contract, identity, gate, quarantine."""
    from ingestion.app import run_ingestion

    run_ingestion(environment.settings(), environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def hydrate(
    failed: Annotated[bool, typer.Option("--failed", help="List what could not be fetched, and end.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Let the running worker try that again, and end.")] = False,
) -> None:
    """Fetch what raw messages only name (Meta's leads, HubSpot's objects, …) from the vendors' APIs.

    Which APIs stands in the `fetch` tables of the file that LEADLINE_CONNECTIONS names.
    """
    from ingestion.app import run_hydration
    from leadline.hydration import retry_failed, show_failed

    settings = environment.hydration_settings()
    if failed:
        show_failed(settings, console)
    if retry:
        retry_failed(settings, console)
    if not failed and not retry:
        run_hydration(settings, environment.until_told_to_stop())


@app.command(rich_help_panel=SERVICES)
def lake() -> None:
    """Append canonical events to the Delta table `events`, exactly once."""
    from ingestion.app import run_lake

    run_lake(environment.settings(), environment.until_told_to_stop())


app.add_typer(features_cli.app, name="features", rich_help_panel=SERVICES)


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

    raise SystemExit(show_conformance(environment.receiver_settings(), url, key or [], console))


@app.command(rich_help_panel=QUESTIONS)
def lag() -> None:
    """Show how far each worker is behind, and which is not running."""
    from leadline.lag import show_lag

    show_lag(environment.settings(), console)


@app.command(rich_help_panel=QUESTIONS)
def leads(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Ids as a JSON array.")] = False,
) -> None:
    """List leads that have features, most recently active first."""
    from leadline.questions import list_leads

    list_leads(environment.settings(), limit, as_json, console)


@app.command(rich_help_panel=QUESTIONS)
def events(
    of: Annotated[str, typer.Argument(metavar="LEAD|ACCOUNT", help="A lead id (ld_…), also an old one, or ac_….")],
    as_of: Annotated[datetime | None, typer.Option(help="As they were known at this moment, UTC.")] = None,
    type_: Annotated[EventType | None, typer.Option("--type", help="Of this type only.", show_choices=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Whole events, as a JSON array.")] = False,
) -> None:
    """List the canonical events of a lead, its earlier ids included, or of an account, from the lake.

    Names, addresses and free text stay sealed.
    """
    from leadline.events import list_events

    moment = None if as_of is None else as_of.replace(tzinfo=UTC)
    list_events(environment.settings(), of, as_of=moment, kind=type_, limit=limit, as_json=as_json, console=console)


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


contracts = typer.Typer(help="The data contracts of topics: publishers, readers and versions.", no_args_is_help=True)
app.add_typer(contracts, name="contracts", rich_help_panel=QUESTIONS)


@contracts.command("list")
def list_contracts() -> None:
    """List the contracts with their versions, and what was released of each."""
    from leadline.contracts import list_contracts

    list_contracts(console)


@contracts.command()
def show(
    name: Annotated[str, typer.Argument(help="A contract (raw.crm) or one version of it (raw.crm-1-0-0).")],
) -> None:
    """Show one contract: its fields, who publishes, what readers may rely on."""
    from leadline.contracts import show_contract

    show_contract(name, console)


@contracts.command()
def check(
    against: Annotated[Path | None, typer.Option(help="Folder of contracts; else those that were released.")] = None,
) -> None:
    """Compare the contracts with the released ones: each change must have the version that it asks for.

    Exits with 1 if one has not: what breaks publishers or readers asks for a new MODEL.
    """
    from leadline.contracts import check_contracts

    raise SystemExit(check_contracts(against, console))


@contracts.command()
def write() -> None:
    """Make the raw topics' contracts, the JSON Schema and docs/contracts.md anew from what they are made of."""
    from leadline.contracts import write_generated

    write_generated(console)


@contracts.command()
def release(
    names: Annotated[list[str] | None, typer.Argument(help="Contracts; all if none is named.")] = None,
) -> None:
    """Keep the contracts as released: later changes are compared with them."""
    from leadline.contracts import release

    release(names or [], console)


app.add_typer(quarantine_cli.app, name="quarantine", rich_help_panel=QUESTIONS)

app.add_typer(identity_cli.app, name="identity", rich_help_panel=QUESTIONS)


def main() -> None:
    """Entry point: expected errors in one sentence, everything else with its traceback."""
    try:
        app()
    except (IngestionError, RegistryError, ScoringError, GovernanceError, LeadlineError) as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/red]: {error}", highlight=False)
        sys.exit(1)
