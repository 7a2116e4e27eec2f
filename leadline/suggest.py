"""Who is probably one person, from the command line: offline, from the lake, and never joined by itself."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingestion.database import open_database
from ingestion.identity.review import ReviewQueue
from ingestion.privacy import Vault
from ingestion.settings import PlatformSettings
from ingestion.suggestions.people import Person, people_in
from ingestion.suggestions.probable import probable_pairs


def suggest(settings: PlatformSettings, threshold: float, out: Console) -> None:
    """Look for duplicates, and put those found in place of the last suggestions."""
    engine = open_database(settings.database_url)
    people = _read(settings, Vault(engine, settings.master_key_bytes), out)
    with out.status(f"comparing {len(people):,} people"):
        pairs = probable_pairs(people, threshold)
    kept = ReviewQueue(engine).suggest(pairs, datetime.now(UTC))
    out.print(
        f"{len(people):,} people with a name or phone number. Pairs who are probably one person: {len(pairs):,}; "
        f"for somebody to judge: {kept:,} (`leadline identity conflicts`)"
    )


def _read(settings: PlatformSettings, vault: Vault, out: Console) -> list[Person]:
    columns = (TextColumn("reading the lake"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("events", total=None)
        return people_in(settings.lake, vault, lambda done, total: progress.update(task, completed=done, total=total))
