"""Who is who, from the command line: look, and ask why."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table

from ingestion.contracts.event import LeadMerged
from ingestion.database import open_database
from ingestion.identity import IdentityStore
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError


def _store(settings: PlatformSettings) -> IdentityStore:
    return IdentityStore(open_database(settings.database_url), settings.identity_key_bytes)


def show_identity(settings: PlatformSettings, lead: str, as_of: datetime | None, as_json: bool, out: Console) -> None:
    """The identifiers of a lead, now or at a moment; then everybody that they had to do with."""
    store = _store(settings)
    past = store.at(lead, as_of or datetime.now(UTC))
    if not past:
        raise LeadlineError(f"lead {lead} was never given out; `leadline leads` lists those that were")
    if as_json:
        sys.stdout.write(msgspec.json.encode(past).decode() + "\n")
        return
    when = "now" if as_of is None else f"at {as_of:%Y-%m-%d %H:%M:%S %Z}"
    table = Table(title=f"Who had to do with {lead}, {when}", title_justify="left", header_style="bold")
    for name in ("lead", "account", "identifier", "scope", "hash"):
        table.add_column(name, overflow="fold")
    for person in past:
        for number, each in enumerate(person.identifiers):
            who = (person.lead, person.account or "") if number == 0 else ("", "")
            table.add_row(*who, each.type.value, each.scope, each.hash, end_section=each is person.identifiers[-1])
    out.print(table)


def explain_identity(settings: PlatformSettings, lead: str, as_json: bool, out: Console) -> None:
    """Why a lead's identifiers are one person's: each bond, its rule and the raw message behind it."""
    explained = _store(settings).explain(lead)
    if explained is None:
        raise LeadlineError(f"lead {lead} was never given out; `leadline leads` lists those that were")
    if as_json:
        sys.stdout.write(msgspec.json.encode(explained).decode() + "\n")
        return
    names = {each.hash: f"{each.type.value} {each.hash[:12]}" for each in explained.identifiers}
    table = Table(title=f"Why {explained.lead} is one person", title_justify="left", header_style="bold")
    for name in ("this", "and this", "by rule", "said by", "counts"):
        table.add_column(name, overflow="fold")
    for edge in explained.edges:
        ends = (names.get(end, end[:15]) for end in (edge.a, edge.b))
        table.add_row(*ends, edge.rule, f"{edge.stream} at {edge.position >> 16}", "no" if edge.withdrawn else "yes")
    out.print(table)
    for one in explained.forwarded:
        said_by = f"{one.raw.stream} at {one.raw.offset}, rule {one.rule}"
        if isinstance(one, LeadMerged):
            out.print(f"{one.absorbed} {'joined it' if one.joined else 'is its earlier name'}: {said_by}")
        else:
            out.print(f"{one.lead} was parted into {', '.join(part.lead for part in one.parts)}: {said_by}")
