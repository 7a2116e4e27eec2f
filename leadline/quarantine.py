"""The quarantine, as an operator at the console sees it: what is there, why, and the two ways out of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from ingestion import refused_query
from ingestion.database import open_database, reading
from ingestion.kafka import Record
from ingestion.refused import State
from ingestion.refused_query import Coordinates, Group, Refused, Wanted
from ingestion.replay import bodies, replay
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError

SHORT = 120  # characters of a message in a table
NEVER_REFUSED = "it came to light when its body could be read"


def list_refused(
    settings: PlatformSettings, wanted: Wanted, *, limit: int, totals: bool, as_json: bool, console: Console
) -> None:
    """Refused elements that match, summed up by source and reason, and the newest of them one by one."""
    with _ledger(settings) as connection:
        groups = refused_query.groups(connection, wanted)
        newest = refused_query.newest(connection, wanted, limit)
        sums = refused_query.totals(connection) if totals else None
    if as_json:
        found = {"groups": [each._asdict() for each in groups], "elements": [_as_dict(each) for each in newest]}
        _print_json(found | ({} if sums is None else {"totals": sums._asdict() | {"accepted": sums.accepted}}))
        return
    console.print(_summary(groups, wanted))
    if newest:
        console.print(_elements(newest, more=sum(group.elements for group in groups) - len(newest)))
    if sums is not None:
        console.print(
            f"{sums.accepted:,} elements accepted = {sums.good:,} good + {sums.duplicates:,} duplicates + "
            f"{sums.quarantined:,} quarantined + {sums.dropped:,} dropped"
        )


def show_refused(settings: PlatformSettings, at: Coordinates, *, body: bool, console: Console) -> None:
    """Why a message's elements were refused and what has become of them, its headers, and with `body` its bytes."""
    with _ledger(settings) as connection:
        found = refused_query.newest(connection, Wanted(state=None, at=at), limit=1_000)
        repeats = refused_query.repeated_by(connection, at)
    if repeats is not None:
        console.print(f"{at.message} is a replay of {repeats}.")
    if not found and repeats is not None:
        at = repeats
    elif not found:
        raise LeadlineError(f"{at}: nothing was refused there; see `leadline quarantine list`")
    for each in found:
        console.print(_account(each))
    record = next((record for _, record in bodies(settings.kafka_bootstrap_servers, _received(found, at))), None)
    if record is None:
        console.print("Its bytes are on events.quarantine no longer; look on the raw topic.")
    else:
        _show_message(record, body, console)


def replay_refused(settings: PlatformSettings, wanted: Wanted, *, yes: bool, console: Console) -> None:
    """Send the messages of quarantined elements that match to their raw topics again."""
    with _ledger(settings) as connection:
        groups, messages = refused_query.groups(connection, wanted), refused_query.messages(connection, wanted)
    _ask(groups, wanted, f"Send {_many(len(messages), 'message')} again?", yes, console)
    with _bar("sending", len(messages), console) as tell:
        lost = replay(settings.kafka_bootstrap_servers, messages, tell)
    console.print(f"Sent again: {_many(len(messages) - len(lost), 'message')}. What passes leaves the quarantine;")
    console.print("what is refused again stays, with its new reason: `leadline quarantine list`.")
    if lost:
        shown = ", ".join(map(str, lost[:5])) + (", …" if len(lost) > 5 else "")
        raise LeadlineError(f"no bytes on events.quarantine any more of {_many(len(lost), 'message')}: {shown}")


def drop_refused(settings: PlatformSettings, wanted: Wanted, *, by: str, why: str, yes: bool, console: Console) -> None:
    """Mark quarantined elements that match as dropped, for good."""
    with _ledger(settings) as connection:
        groups = refused_query.groups(connection, wanted)
    _ask(groups, wanted, "Drop them for good?", yes, console)
    engine = open_database(settings.database_url)
    with engine.begin() as connection:
        dropped = refused_query.drop(connection, wanted, by=by, why=why, at=datetime.now(UTC))
    engine.dispose()
    console.print(
        f"Dropped by {by}: {_many(dropped, 'element')}. The bytes stay as long as events.quarantine keeps them."
    )


@contextmanager
def _ledger(settings: PlatformSettings) -> Iterator[Connection]:
    engine = open_database(settings.database_url)
    try:
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _ask(groups: Sequence[Group], wanted: Wanted, question: str, yes: bool, console: Console) -> None:
    if not groups:
        raise LeadlineError("nothing in quarantine matches; see `leadline quarantine list`")
    console.print(_summary(groups, wanted))
    if not yes:
        typer.confirm(question, abort=True)


@contextmanager
def _bar(what: str, total: int, console: Console) -> Iterator[Callable[[], None]]:
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _received(found: Sequence[Refused], at: Coordinates) -> dict[Coordinates, datetime]:
    oldest = min((each.received for each in found), default=datetime.fromtimestamp(0, UTC))
    return {at.message: oldest}


def _summary(groups: Sequence[Group], wanted: Wanted) -> Table:
    total = sum(group.elements for group in groups)
    table = Table(
        title=f"{_many(total, 'element')} {wanted.state or 'refused'}", title_justify="left", header_style="bold"
    )
    for name in ("source", "elements", "oldest", "newest", "reason and an example"):
        table.add_column(name, justify="right" if name == "elements" else "left", overflow="fold", min_width=8)
    for group in groups:
        oldest, newest = _minute(group.oldest), _minute(group.newest)
        table.add_row(Text(group.source), f"{group.elements:,}", oldest, newest, _why(group.reason, group.example))
    return table


def _elements(newest: Sequence[Refused], more: int) -> Table:
    table = Table(title="Received last", title_justify="left", header_style="bold")
    table.caption = f"and {more:,} more" if more else None
    for name in ("coordinates", "received", "source", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name == "coordinates", min_width=8)
    for each in newest:
        table.add_row(str(each.at), _minute(each.received), Text(each.source), _why(each.reason, each.message))
    return table


def _why(reason: str, message: str) -> Text:
    if not reason:
        return Text(NEVER_REFUSED)
    return Text(f"{reason}: {message if len(message) <= SHORT else message[: SHORT - 1] + '…'}")


def _account(each: Refused) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_row("element", f"[bold]{each.at}[/bold]")
    facts.add_row("state", each.state.value + (f" as {each.passed_as}" if each.state is State.PASSED else ""))
    facts.add_row("source", Text(each.source))
    facts.add_row("reason", Text(f"{each.reason}: {each.message}" if each.reason else NEVER_REFUSED))
    facts.add_row("received", f"{each.received:%Y-%m-%d %H:%M:%S} UTC")
    if each.dropped:
        facts.add_row("dropped", Text(each.dropped))
    return facts


def _show_message(record: Record, body: bool, console: Console) -> None:
    table = Table(title="Headers", title_justify="left", header_style="bold")
    for name in ("header", "value"):
        table.add_column(name, overflow="fold")
    for name, value in sorted(record.headers.items()):
        table.add_row(Text(name), Text(value))
    console.print(table)
    if not body:
        console.print(f"{len(record.value):,} bytes; they may hold personal data, so they are shown with --body only.")
        return
    console.print(f"{len(record.value):,} bytes as they came, which may hold personal data:")
    console.file.flush()
    sys.stdout.buffer.write(record.value + b"\n")
    sys.stdout.flush()


def _as_dict(each: Refused) -> dict[str, Any]:
    passed_as = None if each.passed_as is None else str(each.passed_as)
    return each._asdict() | {"at": str(each.at), "passed_as": passed_as}


def _print_json(found: Any) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
