"""That two arms make the same canonical events of the same messages, and find the same people behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from ingestion.contracts.event import Event, RecordKind, decode_event, decode_merge
from ingestion.kafka import Record, scan_topic
from leadline.errors import LeadlineError


def require_equal(bootstrap: str, one: str, other: str) -> int:
    """How many events the topics `one` and `other` hold, each the other's but for the names of leads and the seals.

    Raises:
        LeadlineError: they differ, or hold none.
    """
    events, partition = _read(scan_topic(bootstrap, one))
    others, other_partition = _read(scan_topic(bootstrap, other))
    different = {key for key in events.keys() | others.keys() if events.get(key) != others.get(key)}
    if different or not events:
        first = min(different, default="")
        raise LeadlineError(
            f"{one} and {other} differ in {len(different)} of {len(events)} events, first in {first}: "
            f"{events.get(first)} against {others.get(first)}"
        )
    if partition != other_partition:
        raise LeadlineError(f"{one} and {other} give the same events to {len(partition ^ other_partition)} other leads")
    return len(events)


def _read(records: Iterable[Record]) -> tuple[dict[str, Event], set[frozenset[str]]]:
    """The events by id without what each arm chooses for itself, and which of them are about one person."""
    events, leads, survivors = {}, {}, {}
    for record in records:
        if record.headers.get("record") == RecordKind.MERGE:
            merge = decode_merge(record.value)
            survivors[merge.absorbed] = merge.survivor
        else:
            event = decode_event(record.value)
            leads[event.id] = event.lead
            events[event.id] = msgspec.structs.replace(
                event, lead="", partitionkey=event.account or "", private=event.private and "sealed"
            )
    return events, partition_of(leads, survivors)


def partition_of(leads: Mapping[str, str], survivors: Mapping[str, str]) -> set[frozenset[str]]:
    """Event ids by person: `leads` says whose an event was, `survivors` which lead ended in which other."""
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for event, lead in leads.items():
        while lead in survivors:
            lead = survivors[lead]
        groups[lead].add(event)
    return {frozenset(group) for group in groups.values()}
