"""A lead that was several persons: what its state holds is folded again from the lake, for each person apart.

Tiles add but cannot be taken apart, so the events must be read once more. They are in the lake, or will be in a moment:
the lake's writer reads the same topic.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from features.activity import Kind
from features.clock import DAY, micros
from features.feature_set import FeatureSet
from features.fold import fold_lead, trim_lead
from features.refold import events_held, is_complete, origins
from features.state import LeadState
from ingestion.contracts.event import Event, LeadSplit
from ingestion.contracts.forwards import part_origin
from ingestion.errors import Retry
from ingestion.lake import read_events, read_splits

PATIENCE = timedelta(seconds=60)
LOOK_EVERY_SECONDS = 0.2


class Held(Protocol):
    """Where the events of a state are found again."""

    def __call__(self, marks: Mapping[str, int]) -> list[Event]:
        """Every event that a lead's state with these marks was folded from. May block; raises `Retry`."""


class HeldInLake:
    """The events of the lake; waits for its writer."""

    def __init__(self, lake: Path, patience: timedelta = PATIENCE) -> None:
        self._lake = lake
        self._patience = patience.total_seconds()

    def __call__(self, marks: Mapping[str, int]) -> list[Event]:
        """See `Held`. Reads the files that hold events of the marks' leads; blocks at most for `patience`."""
        leads, deadline = origins(marks), time.monotonic() + self._patience
        while True:
            held = list(events_held(read_events(self._lake, leads=leads), marks, read_splits(self._lake)))
            if is_complete(held, marks):
                return [event for event, _ in held]
            if time.monotonic() > deadline:
                raise Retry(
                    f"the lake has not all events of {len(leads)} leads that are to be parted after "
                    f"{self._patience:.0f} s: is the lake writer running?"
                )
            time.sleep(LOOK_EVERY_SECONDS)


@dataclass(slots=True)
class Share:
    """What of a parted lead's state is one person's."""

    state: LeadState = field(default_factory=LeadState)
    days: dict[str, int] = field(default_factory=dict)  # the last active day at each account


def shares(split: LeadSplit, events: list[Event], features: FeatureSet) -> dict[str, Share]:
    """The share of each part that has one, by its lead, trimmed.

    Args:
        events: those of the parted state, in raw order.
    """
    found: dict[str, Share] = {}
    for event in events:
        part = split.part_of(event.data.identifiers)
        share, facts = found.setdefault(part.lead, Share()), features.facts_of(event)
        fold_lead(share.state, event, facts, features.kept, part_origin(event.lead, part.lead))
        if event.account is not None and Kind.ACTIVE in facts.kinds:
            day = micros(event.time) // DAY
            share.days[event.account] = max(share.days.get(event.account, day), day)
    for share in found.values():
        trim_lead(share.state, features.kept)
    return found
