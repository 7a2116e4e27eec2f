"""The receiver's conformance, as a table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ingestion.receiver.conformance import Outcome, all_cases, play
from ingestion.receiver.connections import load_connections, secret_of
from ingestion.settings import ReceiverSettings
from leadline.errors import LeadlineError


def show_conformance(settings: ReceiverSettings, url: str, keys: Sequence[str], console: Console) -> int:
    """Play every case against the receiver at `url` and show what it did; 0 if all was right, else 1."""
    connections = load_connections(settings.connections)
    signing_keys = {}
    for entry in keys:
        name, _, reference = entry.partition("=")
        if name not in connections or not reference:
            raise LeadlineError(f"--key {name}: expected CONNECTION=env:NAME with a connection of the connections file")
        signing_keys[name] = secret_of(name, reference)
    played = all_cases(
        connections, signing_keys, time.time(), settings.receiver_url or f"https://{urlsplit(url).netloc}"
    )
    outcomes = list(track(play(url, iter(played)), "playing senders", total=len(played), console=console))
    console.print(_table(outcomes))
    wrong = sum(not outcome.held for outcome in outcomes)
    console.print(f"{len(outcomes) - wrong} of {len(outcomes)} requests were answered as they must be.")
    return 1 if wrong else 0


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("connection", "request", "expected", "answered", "", title="Conformance of the receiver")
    before = ""
    for outcome in outcomes:
        case = outcome.case
        answered = "no answer" if outcome.status is None else str(outcome.status)
        mark = "[green]✓[/green]" if outcome.held else "[red]✗[/red]"
        new = case.connection != before
        if new and before:
            table.add_section()
        table.add_row(case.connection if new else "", case.name, str(case.expected), answered, mark)
        before = case.connection
    return table
