"""Who is who, from the command line: look, ask why, and part people who were taken for one."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table

from ingestion.contracts.event import Identifier, LeadMerged
from ingestion.database import open_database
from ingestion.identity import IdentityStore
from ingestion.kafka import DurableProducer
from ingestion.rulings import RulingMessage, unmerge_message
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError

SHORTEST_PREFIX = 8
PATIENCE_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.2


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


def list_conflicts(settings: PlatformSettings, limit: int, as_json: bool, out: Console) -> None:
    """What resolution refused to believe, newest first."""
    found = _store(settings).open_conflicts(limit)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    table = Table(title="Identity conflicts", title_justify="left", header_style="bold")
    for name in ("one", "other", "refused because", "said by"):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(each.a, each.b, each.reason, f"{each.stream} at {each.position >> 16}")
    out.print(table)


def unmerge(settings: PlatformSettings, one: str, other: str, by: str, reason: str, out: Console) -> None:
    """Say for good that two identifiers are two persons', and wait until they are."""
    store = _store(settings)
    a, b = _identifier(store, one), _identifier(store, other)
    _publish(settings, unmerge_message(a.hash, b.hash, by=by, reason=reason, now=datetime.now(UTC)))
    deadline = time.monotonic() + PATIENCE_SECONDS
    with out.status("waiting for ingestion"):
        while (was := store.lead_of(a.hash)) == (now := store.lead_of(b.hash)):
            if time.monotonic() > deadline:
                raise LeadlineError(
                    f"after {PATIENCE_SECONDS:.0f} s the two are still one lead: is `leadline ingest` running? "
                    "If it is, something else connects them: see `leadline identity explain`"
                )
            time.sleep(LOOK_EVERY_SECONDS)
    assert was is not None
    assert now is not None
    out.print(f"{a.type.value} {a.hash[:12]} is {was.lead}\n{b.type.value} {b.hash[:12]} is {now.lead}")
    out.print("Their features are folded anew from the lake; decisions about them together stay as they were recorded.")


def _publish(settings: PlatformSettings, ruling: RulingMessage) -> None:
    producer = DurableProducer(settings.kafka_bootstrap_servers)
    try:
        producer.send_and_wait(ruling.topic, key=ruling.key, value=ruling.value, headers=ruling.headers)
    finally:
        producer.close()


def _identifier(store: IdentityStore, prefix: str) -> Identifier:
    found: Sequence[Identifier] = store.known(prefix) if len(prefix) >= SHORTEST_PREFIX else ()
    if len(found) != 1:
        why = "several begin so" if found else f"none does, or fewer than {SHORTEST_PREFIX} digits were given"
        raise LeadlineError(f"{prefix}: expected the hash of one identifier; {why}. `leadline identity show LEAD`")
    return found[0]
