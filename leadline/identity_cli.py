"""`leadline identity`: who is who and why, what waits for a person to look at it, and what that person may rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from leadline import environment

app = typer.Typer(
    help="Who is who, and why.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold personal data
)
console = Console()

PREFIX = "Hash of an identifier, or its first 8 digits or more."
One = Annotated[str, typer.Argument(help=PREFIX)]
By = Annotated[str, typer.Option(help="Who decides; sealed with the person's data.")]
Reason = Annotated[str, typer.Option(help="Why; sealed with the person's data.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def show(
    lead: Annotated[str, typer.Argument(help="A lead id (ld_…), also an old one.")],
    as_of: Annotated[datetime | None, typer.Option(help="By what was known at this moment, UTC.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the identifiers of LEAD and of everybody they had to do with, by their keyed hashes."""
    from leadline.identity import show_identity

    moment = None if as_of is None else as_of.replace(tzinfo=UTC)
    show_identity(environment.settings(), lead, moment, as_json, console)


@app.command()
def explain(lead: Annotated[str, typer.Argument(help="A lead id (ld_…).")], as_json: AsJson = False) -> None:
    """Show why the identifiers of LEAD are one person's: each bond, its rule, and the raw message that said so."""
    from leadline.identity import explain_identity

    explain_identity(environment.settings(), lead, as_json, console)


@app.command()
def conflicts(
    every: Annotated[bool, typer.Option("--all/--open", help="Also what was closed, and how.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person: what resolution refused to believe, and what `suggest` found.

    An entry is closed by `dismiss`, by `unmerge`, or because the two have become one person.
    """
    from leadline.review import list_conflicts

    list_conflicts(environment.settings(), limit, every, as_json, console)


@app.command()
def unmerge(
    one: One,
    other: Annotated[str, typer.Argument(help="The one that is another person's.")],
    by: By = "",
    reason: Reason = "",
    yes: Yes = False,
) -> None:
    """Part two people for good: nothing bonds the identifiers ONE and OTHER any more, whatever is said later.

    Both people get new lead ids; their features are folded anew from the lake. What was decided about them together
    stays on record, and its trace says that they were parted.
    """
    from leadline.review import unmerge

    if not yes:
        typer.confirm("Part them for good?", abort=True)
    unmerge(environment.settings(), one, other, by, reason, console)


@app.command()
def link(
    one: One,
    other: Annotated[str, typer.Argument(help="The one that is the same person's.")],
    by: By = "",
    reason: Reason = "",
    yes: Yes = False,
) -> None:
    """Say that the identifiers ONE and OTHER are one person's: a bond as strong as a sender's own word.

    The constraints hold for it too: two contacts of one CRM stay two people until the CRM merges them. `unmerge` takes
    it back, for good.
    """
    from leadline.review import link

    if not yes:
        typer.confirm("Join them?", abort=True)
    link(environment.settings(), one, other, by, reason, console)


@app.command()
def dismiss(
    one: Annotated[str, typer.Argument(help=f"{PREFIX} Or a lead id.")],
    other: Annotated[
        str | None, typer.Argument(help="The other end; left out where the entry names one twice.")
    ] = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Close what the review queue says of ONE and OTHER, now and later. Who is who does not change."""
    from leadline.review import dismiss

    dismiss(environment.settings(), one, other or one, by, reason, console)


@app.command()
def suggest(
    threshold: Annotated[float, typer.Option(min=0.5, max=1.0, help="Least probability.")] = 0.8,
) -> None:
    """Look for people who are probably one, and put them on the review queue. Nothing is joined by itself.

    Compares names, phone numbers and companies, which are opened in this process's memory alone. Offline, in place of
    the last suggestions; whoever was dismissed or parted is not suggested again. Needs the extra `splink`.
    """
    from leadline.suggest import suggest

    suggest(environment.settings(), threshold, console)
