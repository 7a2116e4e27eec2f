"""The review queue from the command line: what waits for a person, and the three things that person may rule."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table

from ingestion.contracts.event import Identifier
from ingestion.database import open_database
from ingestion.identity import IdentityStore
from ingestion.identity.review import Item, ReviewQueue
from ingestion.kafka import DurableProducer
from ingestion.rulings import RulingMessage, dismiss_message, link_message, unmerge_message
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError

SHORTEST_PREFIX = 8
PATIENCE_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.2
LEAD_PREFIX = "ld_"
_IS_IT_RUNNING = f"after {PATIENCE_SECONDS:.0f} s ingestion has not obeyed: is `leadline ingest` running?"


def list_conflicts(settings: PlatformSettings, limit: int, every: bool, as_json: bool, out: Console) -> None:
    """What waits for a person, newest first; with `every`, what was closed too."""
    found = ReviewQueue(open_database(settings.database_url)).items(limit, every=every)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    table = Table(title="For somebody to judge", title_justify="left", header_style="bold")
    for name in ("found", "one", "other", "why", "said by", *(["state"] if every else [])):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(*_cells(each), *([each.state.value] if every else []))
    out.print(table)


def _cells(item: Item) -> tuple[str, ...]:
    other = "" if item.a == item.b else item.b
    said_by = f"{item.stream} at {item.position >> 16}" if item.probability is None else "suggest"
    return f"{item.found:%Y-%m-%d %H:%M}", item.a, other, item.reason, said_by


def unmerge(settings: PlatformSettings, one: str, other: str, by: str, reason: str, out: Console) -> None:
    """Say for good that two identifiers are two persons', and wait until they are."""
    store = _store(settings)
    a, b = _identifier(store, one), _identifier(store, other)
    _publish(settings, unmerge_message(a.hash, b.hash, by=by, reason=reason, now=datetime.now(UTC)))
    _wait(
        lambda: store.lead_of(a.hash) != store.lead_of(b.hash),
        f"{_IS_IT_RUNNING} If it is, something else connects them: see `leadline identity explain`",
        out,
    )
    _show_leads(store, (a, b), out)
    out.print("Their features are folded anew from the lake; decisions about them together stay as they were recorded.")


def link(settings: PlatformSettings, one: str, other: str, by: str, reason: str, out: Console) -> None:
    """Say that two identifiers are one person's, and wait until ingestion has joined or refused them."""
    store = _store(settings)
    a, b = _identifier(store, one), _identifier(store, other)
    try:
        message = link_message(a, b, by=by, reason=reason, now=datetime.now(UTC))
    except msgspec.ValidationError:
        raise LeadlineError(f"{a.type.value} and {b.type.value}: what many may share is never bonded") from None
    _publish(settings, message)
    _wait(lambda: store.is_linked(a.hash, b.hash), _IS_IT_RUNNING, out)
    if store.lead_of(a.hash) != store.lead_of(b.hash):
        reasons = ReviewQueue(open_database(settings.database_url)).reasons(a.hash, b.hash)
        why = "; ".join(reasons) or "they were parted for good, or one of them is shared by too many persons"
        raise LeadlineError(f"the two stay two leads: {why}. See `leadline identity conflicts --all`")
    _show_leads(store, (a, b), out)


def dismiss(settings: PlatformSettings, one: str, other: str, by: str, reason: str, out: Console) -> None:
    """Close what the queue says of two identifiers or leads, and wait until it is closed."""
    store, queue = _store(settings), ReviewQueue(open_database(settings.database_url))
    a, b = (end if end.startswith(LEAD_PREFIX) else _identifier(store, end).hash for end in (one, other))
    _publish(settings, dismiss_message(a, b, by=by, reason=reason, now=datetime.now(UTC)))
    _wait(lambda: queue.is_dismissed(a, b), _IS_IT_RUNNING, out)
    out.print("Dismissed: nothing that is said of them comes up again.")


def _store(settings: PlatformSettings) -> IdentityStore:
    return IdentityStore(open_database(settings.database_url), settings.identity_key_bytes)


def _identifier(store: IdentityStore, prefix: str) -> Identifier:
    found: Sequence[Identifier] = store.known(prefix) if len(prefix) >= SHORTEST_PREFIX else ()
    if len(found) != 1:
        why = "several begin so" if found else f"none does, or fewer than {SHORTEST_PREFIX} digits were given"
        raise LeadlineError(f"{prefix}: expected the hash of one identifier; {why}. `leadline identity show LEAD`")
    return found[0]


def _publish(settings: PlatformSettings, ruling: RulingMessage) -> None:
    producer = DurableProducer(settings.kafka_bootstrap_servers)
    try:
        producer.send_and_wait(ruling.topic, key=ruling.key, value=ruling.value, headers=ruling.headers)
    finally:
        producer.close()


def _wait(obeyed: Callable[[], bool], otherwise: str, out: Console) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with out.status("waiting for ingestion"):
        while not obeyed():
            if time.monotonic() > deadline:
                raise LeadlineError(otherwise)
            time.sleep(LOOK_EVERY_SECONDS)


def _show_leads(store: IdentityStore, identifiers: Sequence[Identifier], out: Console) -> None:
    for each in identifiers:
        owner = store.lead_of(each.hash)
        out.print(f"{each.type.value} {each.hash[:12]} is {'nobody' if owner is None else owner.lead}")
