"""The training frame of the replayed calls, folded from the lake's canonical events alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from examples.bank_marketing.contacts import Call
from examples.bank_marketing.definitions import Definitions, facts_of, features_at
from examples.bank_marketing.events import person_id
from features.fold import fold_lead
from features.state import LeadState
from ingestion.contracts.event import Event
from registry.frame import TrainingFrame
from registry.labels import label_at, outcomes_of

_NO_END = datetime.max.replace(tzinfo=UTC)  # a call decides at once: every label is known


def training_frame(
    events: Iterable[Event], calls: Sequence[Call], definitions: Definitions, *, as_of_today: bool = False
) -> TrainingFrame:
    """One snapshot a call, at the moment of dialling, from what was known then.

    `as_of_today` makes the classic mistake instead and joins each lead's state as it is after everything.

    Raises:
        ValueError: a call's events are not in the lake, or it has no outcome.
    """
    people: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.data.object is not None:
            people[event.data.object.id].append(event)
    outcomes = outcomes_of((event for known in people.values() for event in known), {})
    shape = len(calls), len(definitions)
    values, known_at = np.full(shape, np.nan), np.full(shape, np.datetime64("NaT"), dtype="datetime64[us]")
    labels, leads = np.zeros(len(calls), dtype=np.bool_), []
    for row, call in enumerate(calls):
        told = people.get(person_id(call), [])
        lead = told[0].lead if told else ""
        label = label_at(outcomes.get(lead, ()), call.dialled_at, _NO_END)
        if label is None or lead not in outcomes:
            raise ValueError(f"{person_id(call)} has {len(told)} events and no outcome after its call in the lake")
        state = _fold([event for event in told if as_of_today or event.receivedtime <= call.dialled_at], definitions)
        for column, (value, known) in enumerate(features_at(state, call.dialled_at, definitions)):
            values[row, column] = np.nan if value is None else value
            known_at[row, column] = np.datetime64("NaT" if known is None else known, "us")
        labels[row] = label
        leads.append(lead)
    return TrainingFrame(
        feature_names=tuple(definition.name for definition in definitions),
        values=values,
        labels=labels,
        leads=np.array(leads, dtype=np.str_),
        snapshot_at=np.array([call.dialled_at.replace(tzinfo=None) for call in calls], dtype="datetime64[us]"),
        known_at={definition.name: known_at[:, column] for column, definition in enumerate(definitions)},
    )


def _fold(events: Sequence[Event], definitions: Definitions) -> LeadState:
    state = LeadState()
    for event in sorted(events, key=lambda event: event.raw.position):
        fold_lead(state, event, facts_of(event, definitions))
    return state
