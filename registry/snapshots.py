"""When and under which lead id a person would have been scored in the past."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from features.sampling import ACTIVE
from ingestion.contracts.forwards import Forwards

EVERY = timedelta(days=14)


@dataclass(frozen=True)
class Known:
    """One row of a lead's feature history, without its state."""

    lead: str
    account: str | None
    known_at: datetime
    forwarded: bool  # from now on another id stands for the person


@dataclass(frozen=True)
class Snapshot:
    """A moment at which a person could be scored."""

    lead: str  # the id that was live then
    account: str | None
    at: datetime
    person: str  # the id that stands for the person in the end


def grid(first: datetime, last: datetime, every: timedelta = EVERY) -> list[datetime]:
    """Moments from `last` backwards to `first`, oldest first."""
    return [last - step * every for step in range((last - first) // every, -1, -1)] if last >= first else []


def snapshots(history: Iterable[Known], forwards: Forwards, moments: Iterable[datetime]) -> Iterator[Snapshot]:
    """At each moment one snapshot of each person who was active, oldest moment first.

    A person who then had several lead ids, which were merged later, is taken once, under the one that was heard of
    last.
    """
    people: dict[str, dict[str, list[Known]]] = defaultdict(lambda: defaultdict(list))
    for entry in history:
        people[forwards.lead(entry.lead)][entry.lead].append(entry)
    for ids in people.values():
        for rows in ids.values():
            rows.sort(key=lambda row: row.known_at)
    for moment in moments:
        for person in sorted(people):
            known = (_as_of(rows, moment) for rows in people[person].values())
            live = [row for row in known if row is not None and not row.forwarded]
            row = max(live, key=lambda row: (row.known_at, row.lead), default=None)
            if row is not None and moment - row.known_at <= ACTIVE:
                yield Snapshot(row.lead, row.account, moment, person)


def _as_of(rows: list[Known], moment: datetime) -> Known | None:
    index = bisect_right(rows, moment, key=lambda row: row.known_at)
    return rows[index - 1] if index else None
