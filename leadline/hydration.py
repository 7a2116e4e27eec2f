"""What hydration could not fetch, for people to see and to try again."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from ingestion.database import open_database
from ingestion.hydration.table import Hydrations
from ingestion.settings import HydrationSettings

SHOWN = 1_000


def show_failed(settings: HydrationSettings, console: Console) -> None:
    """The newest failures as a table: what, why, and which raw message asked for it."""
    failures = Hydrations(open_database(settings.database_url)).failures(SHOWN)
    table = Table(header_style="bold", title=f"{len(failures):,} could not be fetched", title_justify="left")
    for name in ("since", "source", "object", "attempts", "why", "asked by"):
        table.add_column(name, overflow="fold")
    for one in failures:
        at = datetime.fromtimestamp(one.at / 1_000_000, UTC)
        source, about = f"{one.system}/{one.account}", f"{one.kind} {one.object}"
        table.add_row(f"{at:%Y-%m-%d %H:%M:%S}", source, about, str(one.attempts), one.error, one.asked_by)
    console.print(table)


def retry_failed(settings: HydrationSettings, console: Console) -> None:
    """Let all failures wait again: the running worker fetches them within their APIs' rates."""
    waiting = Hydrations(open_database(settings.database_url)).retry(time.time())
    console.print(f"{waiting:,} wait again")
