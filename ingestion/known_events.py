"""What was known of a lead or of an account at a moment: their canonical events, from the lake.

Invariant: the answer for a past moment changes by nothing but history that is imported later (ADR 3). An event is known
from when it was received, a merge or a split from when what caused it was; a replay is received when it is sent again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from ingestion.contracts.event import Event, EventType, decode_event
from ingestion.contracts.forwards import Forwards
from ingestion.identity import IdentityStore
from ingestion.lake import scan


def events_of_account(
    lake: Path, account: str, *, as_of: datetime | None, types: Collection[EventType] | None, limit: int
) -> list[Event]:
    """The newest events that were sent for an account, as received. Costs what `ingestion.lake.scan` says."""
    found = scan(lake, accounts=[account], types=_names(types), known_by=as_of, newest=limit, columns=["body"])
    return [decode_event(body.as_py().encode()) for body in found["body"]]


def events_of_lead(
    lake: Path,
    identity: IdentityStore,
    lead: str,
    *,
    as_of: datetime | None,
    types: Collection[EventType] | None,
    limit: int,
) -> list[Event]:
    """The newest events of the person that a lead id stood for at `as_of` (aware; else now), as received.

    Those that were sent for ids that had become this person by then are among them. Reads the events of everybody
    that the person ever had to do with, and costs what `ingestion.lake.scan` says.
    """
    ids, forwardings = identity.around(lead)
    forwards = Forwards(one for one in forwardings if as_of is None or one.receivedtime <= as_of)
    person = forwards.lead(lead)
    found = scan(lake, leads=ids, types=_names(types), known_by=as_of, columns=["body"])
    events = (decode_event(body.as_py().encode()) for body in found["body"])
    return [event for event in events if forwards.of(event) == person][-limit:]


def _names(types: Collection[EventType] | None) -> list[str] | None:
    return None if types is None else [kind.value for kind in types]
