"""What came of a lead: won within the horizon after a snapshot, or not.

Invariant: a snapshot has a label only if its outcome was still open then and its whole horizon has passed, so that "not
won" is never merely "not yet won".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.contracts.event import Event, EventType
from ingestion.contracts.forwards import Forwards

HORIZON = timedelta(days=90)


@dataclass(frozen=True, order=True)
class Outcome:
    """One decision that the CRM told us of."""

    time: datetime
    known_at: datetime
    won: bool


def outcomes_of(events: Iterable[Event], forwards: Forwards) -> dict[str, tuple[Outcome, ...]]:
    """The outcomes of each person, oldest first, by the lead id that stands for the person in the end."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    for event in events:
        if event.type is EventType.CRM_OUTCOME and not event.data.test:
            won = event.data.properties.get("outcome") == "won"
            found[forwards.of(event)].append(Outcome(event.time, event.receivedtime, won))
    return {person: tuple(sorted(outcomes)) for person, outcomes in found.items()}


def label_at(
    outcomes: Sequence[Outcome], at: datetime, data_end: datetime, horizon: timedelta = HORIZON
) -> bool | None:
    """Won within `horizon` after `at`; lost, disqualified and silent are all False.

    None where no label can be given: an outcome had happened by then (known or not), or the horizon ends after the
    data.
    """
    if at + horizon > data_end or any(outcome.time <= at for outcome in outcomes):
        return None
    return any(outcome.won and outcome.time <= at + horizon for outcome in outcomes)
