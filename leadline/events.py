"""The canonical events of a lead or an account, as a person at the console sees them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ingestion.contracts.event import Event, EventType, encode_json
from ingestion.database import open_database
from ingestion.identity import IdentityStore
from ingestion.known_events import events_of_account, events_of_lead
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError

ACCOUNT_PREFIX = "ac_"
SAID_CHARS = 60


def list_events(
    settings: PlatformSettings,
    of: str,
    *,
    as_of: datetime | None,
    kind: EventType | None,
    limit: int,
    as_json: bool,
    console: Console,
) -> None:
    """The newest events that were known at a moment, in the order in which they were received."""
    types = None if kind is None else [kind]
    if of.startswith(ACCOUNT_PREFIX):
        found = events_of_account(settings.lake, of, as_of=as_of, types=types, limit=limit)
    else:
        identity = IdentityStore(open_database(settings.database_url), settings.identity_key_bytes)
        if identity.current(of) is None:
            raise LeadlineError(f"lead {of} was never given out; `leadline leads` lists those that were")
        found = events_of_lead(settings.lake, identity, of, as_of=as_of, types=types, limit=limit)
    if as_json:
        sys.stdout.write("[" + ",\n".join(encode_json(event).decode() for event in found) + "]\n")
        return
    if not found:
        console.print(f"The lake holds no such event of {of}, {_when(as_of)}. Who was who: `leadline identity show`.")
        return
    console.print(_table(found, f"Events of {of}, {_when(as_of)}"))
    if len(found) == limit:
        console.print(f"At most {limit:,} are shown, the newest; --limit shows more.")


def _table(events: Sequence[Event], title: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in ("time", "known", "type", "channel", "says", "raw"):
        table.add_column(name, overflow="fold", no_wrap=name in ("time", "known"))
    for event in events:
        raw = event.raw
        at = f"{raw.topic}/{raw.partition}/{raw.offset}/{raw.index}"
        moments = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (event.time, event.receivedtime))
        table.add_row(*moments, event.type.value, event.data.channel.value, Text(_said(event)), at)
    return table


def _said(event: Event) -> str:
    """Properties, the object and changes in short. Nothing here is personal: what is, is sealed."""
    data = event.data
    said = [] if data.object is None else [f"{data.object.type} {data.object.id}"]
    said += [f"{change.field}→{change.new}" for change in data.change]
    said += [f"{name}={value}" for name, value in data.properties.items()]
    if event.pii_fields:
        said.append(f"sealed: {', '.join(event.pii_fields)}")
    text = " ".join(said)
    return text if len(text) <= SAID_CHARS else f"{text[: SAID_CHARS - 1]}…"


def _when(as_of: datetime | None) -> str:
    return "now" if as_of is None else f"as known at {as_of:%Y-%m-%d %H:%M:%S} UTC"
