"""`leadline quarantine`: what was refused, why, and the two ways out: replayed or dropped."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from ingestion.errors import Quarantine
from leadline import environment

if TYPE_CHECKING:
    from ingestion.refused_query import Coordinates, Wanted

app = typer.Typer(
    help="Elements that ingestion refused: list, show, replay, drop.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold personal data
)
console = Console()

REASONS = [reason.__name__ for reason in Quarantine.__subclasses__()]


def _reason(value: str | None) -> str | None:
    if value is not None and value not in REASONS:
        raise typer.BadParameter(f"{value!r} is no reason; expected one of {', '.join(REASONS)}")
    return value


COORDINATES = "Of a message, topic/partition/offset, or of one element of it, with /index."
At = Annotated[str | None, typer.Argument(metavar="COORDINATES", help=COORDINATES)]
Reason = Annotated[str | None, typer.Option(help=f"{', '.join(REASONS[:-1])} or {REASONS[-1]}.", callback=_reason)]
Source = Annotated[str | None, typer.Option(help="Source system, e.g. hubspot.")]
Since = Annotated[datetime | None, typer.Option(help="Received at this moment or later, UTC.")]
Until = Annotated[datetime | None, typer.Option(help="Received before this moment, UTC.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_(
    reason: Reason = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    state: Annotated[
        Literal["quarantined", "dropped", "passed"], typer.Option(help="What has become of them.")
    ] = "quarantined",
    limit: Annotated[int, typer.Option(min=0, max=100_000, help="Show at most so many one by one.")] = 10,
    totals: Annotated[bool, typer.Option("--totals", help="Add up every element that was ever read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Sum up the quarantine by source and reason, and list the newest of it.

    Reads the database alone, not Kafka. Messages say what was expected where, and never repeat a sender's value.
    """
    from leadline.quarantine import list_refused

    wanted = _wanted(None, reason, source, since, until, state)
    list_refused(environment.settings(), wanted, limit=limit, totals=totals, as_json=as_json, console=console)


@app.command()
def show(
    coordinates: Annotated[str, typer.Argument(help=COORDINATES)],
    body: Annotated[bool, typer.Option("--body", help="Print the bytes as they came; they may be personal.")] = False,
) -> None:
    """Show why the elements at COORDINATES were refused, what has become of them, and the message's headers."""
    from leadline.quarantine import show_refused

    show_refused(environment.settings(), _coordinates(coordinates), body=body, console=console)


@app.command()
def replay(
    coordinates: At = None,
    reason: Reason = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    yes: Yes = False,
) -> None:
    """Send the messages of quarantined elements again, after their cause was mended.

    Of each message all that is still quarantined is read again, and nothing else: what was good stays counted once.
    What passes becomes an event that is known from now on; what is refused again stays, with its new reason.
    """
    from leadline.quarantine import replay_refused

    wanted = _wanted(coordinates, reason, source, since, until)
    replay_refused(environment.settings(), wanted, yes=yes, console=console)


@app.command()
def drop(
    why: Annotated[str, typer.Option(help="The reason; recorded.")],
    coordinates: At = None,
    reason: Reason = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[str | None, typer.Option(help="Who decides; recorded. Default: the user of this shell.")] = None,
    yes: Yes = False,
) -> None:
    """Give quarantined elements up for good. They are marked with who, when and why; nothing is deleted."""
    from leadline.quarantine import drop_refused

    wanted = _wanted(coordinates, reason, source, since, until)
    drop_refused(environment.settings(), wanted, by=by or _user(), why=why, yes=yes, console=console)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise typer.BadParameter("say who decides", param_hint="--by") from None


def _wanted(
    coordinates: str | None,
    reason: str | None,
    source: str | None,
    since: datetime | None,
    until: datetime | None,
    state: str = "quarantined",
) -> Wanted:
    from ingestion.refused import State
    from ingestion.refused_query import Wanted

    at = None if coordinates is None else _coordinates(coordinates)
    first, last = (None if moment is None else moment.replace(tzinfo=UTC) for moment in (since, until))
    return Wanted(State(state), reason, source, first, last, at)


def _coordinates(text: str) -> Coordinates:
    from ingestion.refused_query import Coordinates

    try:
        return Coordinates.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="COORDINATES") from None
