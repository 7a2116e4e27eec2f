"""`leadline features`: the feature worker, what is asked about served features, and what is declared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leadline import environment

app = typer.Typer(
    help="Fold canonical events into feature state; hold what is served to a recompute; bring back what was lost.",
    invoke_without_command=True,
    pretty_exceptions_show_locals=False,
)
console = Console()

Which = Annotated[str, typer.Option("--set", envvar="LEADLINE_FEATURE_SET", help="The feature set, as module:name.")]
DEFAULT = "features.definitions:LEAD_SCORING"


@app.callback()
def features(context: typer.Context) -> None:
    """Fold canonical events into feature state: Feast online store and offline history."""
    if context.invoked_subcommand is None:
        from features.app import run_features

        run_features(environment.settings(), environment.until_told_to_stop())


@app.command()
def monitor() -> None:
    """Watch a sample of leads: what is served of them equals the recompute from the lake, or is an alert.

    LEADLINE_PARITY_SHARE says how large the sample is, LEADLINE_PARITY_SECONDS how often it is looked at. Every
    LEADLINE_DRIFT_SECONDS the feature gate judges a snapshot: ranges, missing values, freshness, drift.
    """
    from features.app import run_monitor
    from leadline.gate import trained_by

    settings = environment.settings()
    run_monitor(settings, environment.until_told_to_stop(), trained=trained_by(settings))


@app.command()
def gate(
    html: Annotated[Path | None, typer.Option(help="Write the result as a page with plots as well.")] = None,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Show what the gates found in the last days instead.")
    ] = False,
) -> None:
    """Judge a snapshot of what is served now: states, ranges, missing values, freshness, and each feature's drift.

    Drift is from what the champion was trained on; without one, from the first snapshot. Exits with 1 if a suite found
    something.
    """
    from leadline.gate import show_alerts, show_gate

    if alerts:
        return show_alerts(environment.settings(), console)
    raise SystemExit(show_gate(environment.settings(), html, console))


@app.command()
def parity(
    share: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Of all leads. Default: LEADLINE_PARITY_SHARE.")
    ] = None,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds that a row may take from the history to being online.")
    ] = 10.0,
    html: Annotated[Path | None, typer.Option(help="Write the result as a page as well.")] = None,
) -> None:
    """Compare the served features of a sample of leads with the recompute from the lake, bit for bit.

    Exits with 1 if anything differs. Leads are named by their pseudonymous ids.
    """
    from leadline.parity import show_parity

    raise SystemExit(show_parity(environment.settings(), share, patience, html, console))


@app.command()
def recompute(out: Annotated[Path, typer.Argument(help="The Parquet file to write.")]) -> None:
    """Compute every lead's features as they are now from the lake's events: a row a lead, a column a feature.

    LEADLINE_OFFLINE_ENGINE says what computes: DuckDB on this machine, or Spark.
    """
    from leadline.recomputing import write_features

    write_features(environment.settings(), out, console)


@app.command()
def ui(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8888,
) -> None:
    """Show Feast's registry as pages: entities, views, services, permissions. Nothing can be changed there.

    Whoever reaches the port may look, unless LEADLINE_OIDC_DISCOVERY_URL names an identity provider.
    """
    import uvicorn

    from features.registry_ui import registry_ui

    uvicorn.run(registry_ui(environment.registry_settings()), host=host, port=port, log_level="warning")


@app.command()
def rebuild(
    leads: Annotated[list[str] | None, typer.Argument(help="Lead ids (ld_…), with their accounts.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every lead and account; then scores are no longer flagged.")
    ] = False,
) -> None:
    """Serve again what the online store has lost, from the feature history. Workers and the API go on meanwhile.

    Nothing newer is overwritten, so it may be run at any time, and again after Ctrl-C: what is back already is only
    looked at.
    """
    from leadline.rebuilding import rebuild

    if every == bool(leads):
        raise typer.BadParameter("name the leads, or say --all")
    rebuild(environment.settings(), None if every else leads or [], console)


@app.command()
def backfill(which: Which = DEFAULT) -> None:
    """Fill a new version of the features from the lake, beside those that are served.

    Nothing that is served changes. Cut short, it goes on where it was. Then start the set's own worker, train a model
    on it, and scorers follow the model's alias, there and back.
    """
    from leadline.backfilling import backfill

    backfill(environment.settings(), which, console)


@app.command()
def show(
    subject: Annotated[str, typer.Argument(help="A lead id (ld_…) or account id (ac_…).", metavar="LEAD|ACCOUNT")],
    as_of: Annotated[datetime | None, typer.Option(help="The moment at which windows end, UTC. Default: now.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The stored state as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show every feature of LEAD or ACCOUNT as it is served: value, age, and what it counts over which window.

    Below them the profile: what is believed, who said it and when.
    """
    from leadline.feature_values import show_features

    moment = datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=UTC)
    show_features(environment.settings(), subject, moment, raw, as_json, console)


@app.command()
def catalogue(
    out: Annotated[Path | None, typer.Option(help="Write the page there, in Markdown.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with each feature's distribution there.")] = None,
    which: Which = DEFAULT,
) -> None:
    """List every feature: meaning, window and edges, unit, range, owner, version, freshness, privacy.

    With --html, a page with a small plot of each feature's values among the leads as they are served now.
    """
    from leadline.features import show_catalogue, write_html, write_page

    if out is not None:
        write_page(which, out, console)
    if html is not None:
        write_html(environment.settings(), html, console)
    if out is None and html is None:
        show_catalogue(which, console)


@app.command()
def check(which: Which = DEFAULT) -> None:
    """Compare the declarations with the lock: a changed definition must have a new version.

    Exits with 1 if one has not, or if the lock is not up to date.
    """
    from leadline.features import check_lock

    raise SystemExit(check_lock(which, console))


@app.command()
def lock(which: Which = DEFAULT) -> None:
    """Lock the declarations as they are: later changes are compared with them."""
    from leadline.features import write_lock

    write_lock(which, console)
