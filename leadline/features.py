"""What is declared of features, from the command line: the catalogue, its plots, and the lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from features.catalogue import page, range_of
from features.distributions import Values, html_page
from features.feature_set import named
from features.lock import changes, lock_file, locked, read_lock
from features.settings import feature_set
from features.state import AccountState, LeadState
from features.store import OnlineStore
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError, NotSetUp
from leadline.questions import newest_leads

AT_ONCE = 500  # leads of one read
MOST_LEADS = 20_000  # that the plots are made of, the most recently changed


def show_catalogue(path: str, console: Console) -> None:
    """The features of the set at `module:name`, as a table."""
    table = Table(header_style="bold", show_lines=True)
    table.add_column("feature", no_wrap=True)
    table.add_column("meaning", overflow="fold")
    for each in named(path).features:
        about = (each.expression.edges, each.unit, range_of(each), each.owner, f"version {each.version}", each.privacy)
        table.add_row(each.name, Text.assemble(f"{each.description}\n", (" · ".join(about), "dim")))
    console.print(table)


def write_page(path: str, file: Path, console: Console) -> None:
    """The catalogue as a page in Markdown."""
    file.write_text(page(named(path)))
    console.print(f"{file}: {len(named(path).features)} features.")


def write_html(settings: PlatformSettings, file: Path, console: Console) -> None:
    """The catalogue with each feature's distribution among the leads, as they are served now.

    Raises:
        NotSetUp: there are no leads yet.
    """
    features, now = feature_set(settings), datetime.now(UTC)
    leads = [(lead, account) for lead, account, _ in newest_leads(settings)[:MOST_LEADS]]
    if not leads:
        raise NotSetUp(
            "no lead has features yet, so there is nothing to plot. Publish events, e.g. with `leadline up`."
        )
    store = OnlineStore.open(settings)
    values: Values = {name: [] for name in features.names}
    parts = [leads[start : start + AT_ONCE] for start in range(0, len(leads), AT_ONCE)]
    for part in track(parts, f"reading {len(leads):,} leads", console=console):
        for row in _served(store, part):
            for name, value in features.features_at(*row, now).items():
                values[name].append(value)
    file.write_text(html_page(features, values, now))
    console.print(f"{file}: {len(features.features)} features of {len(leads):,} leads.")


def check_lock(path: str, console: Console) -> int:
    """0 if every definition is locked as it is, else 1."""
    found = changes(named(path), read_lock(lock_file(path)))
    if found:
        table = Table(header_style="bold")
        for column in ("feature", "change", "verdict"):
            table.add_column(column, overflow="fold")
        for change in found:
            verdict = Text(change.refused, style="bold red") if change.refused else "run `leadline features lock`"
            table.add_row(change.feature, change.what, verdict)
        console.print(table)
    refused = sum(bool(change.refused) for change in found)
    console.print(f"{len(named(path).features)} features, {refused} refused, {len(found) - refused} to lock.")
    return 1 if found else 0


def write_lock(path: str, console: Console) -> None:
    """Lock the declarations.

    Raises:
        LeadlineError: one means something else under the version that it had.
    """
    features, file = named(path), lock_file(path)
    before = read_lock(file)
    refused = [f"{change.feature}: {change.refused}" for change in changes(features, before) if change.refused]
    if refused:
        raise LeadlineError(f"{'; '.join(refused)}. Nothing was locked")
    file.write_bytes(locked(features, before))
    console.print(f"{file}: {len(features.features)} features are locked.")


def _served(
    store: OnlineStore, leads: Sequence[tuple[str, str | None]]
) -> list[tuple[LeadState | None, AccountState | None]]:
    """The states of leads and their accounts; two reads."""
    accounts = list(dict.fromkeys(account for _, account in leads if account))
    of_account = dict(zip(accounts, store.read_accounts(accounts), strict=True))
    found: list[tuple[LeadState | None, AccountState | None]] = []
    for row, (_, account) in zip(store.read([lead for lead, _ in leads]), leads, strict=True):
        theirs = of_account.get(account or "")
        found.append((row.state if row else None, theirs.state if theirs else None))
    return found
