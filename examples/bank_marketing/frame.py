"""The training frame of the replayed calls: Feast's point-in-time join at the moments of dialling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from examples.bank_marketing.contacts import Call
from examples.bank_marketing.events import person_id
from ingestion.contracts.event import Event, EventType
from ingestion.contracts.forwards import Forwards
from ingestion.settings import PlatformSettings
from registry.frame import TrainingFrame
from registry.labels import label_at, outcomes_of
from registry.snapshots import Snapshot
from registry.training_set import Labelled, frame_of

DURATION = "duration"
_NO_END = datetime.max.replace(tzinfo=UTC)  # a call decides at once: every label is known


def training_frame(settings: PlatformSettings, events: Sequence[Event], calls: Sequence[Call]) -> TrainingFrame:
    """One snapshot a call, at the moment of dialling, with the features that the platform served then.

    Raises:
        ValueError: a call's events are not in the lake, or it has no outcome.
        TrainingStopped: the join differs from what was served.
    """
    return frame_of(settings, _labelled(events, calls))


def with_duration(frame: TrainingFrame, events: Iterable[Event]) -> TrainingFrame:
    """The classic mistake: the outcome's own table joined by person, as it is today, for one more column."""
    ended = {event.lead: event for event in events if event.type is EventType.CRM_OUTCOME}
    told = [ended[lead] for lead in frame.leads.tolist()]
    values = np.array([event.data.properties[DURATION] for event in told], dtype=np.float64)
    known_at = np.array([event.receivedtime.replace(tzinfo=None) for event in told], dtype="datetime64[us]")
    return replace(
        frame,
        feature_names=(*frame.feature_names, DURATION),
        values=np.column_stack([frame.values, values]),
        known_at={**frame.known_at, DURATION: known_at},
    )


def _labelled(events: Sequence[Event], calls: Sequence[Call]) -> Labelled:
    people: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.data.object is not None:
            people[event.data.object.id].append(event)
    outcomes = outcomes_of(events, Forwards([]))
    found = []
    for call in calls:
        told = people.get(person_id(call), [])
        lead = told[0].lead if told else ""
        label = label_at(outcomes.get(lead, ()), call.dialled_at, _NO_END)
        if label is None or lead not in outcomes:
            raise ValueError(f"{person_id(call)} has {len(told)} events and no outcome after its call in the lake")
        found.append((Snapshot(lead, told[0].account, call.dialled_at, lead), label))
    return found
