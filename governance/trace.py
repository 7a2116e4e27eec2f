"""Trace a decision: from the score through policy, model and features back to raw offsets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from features.clock import micros
from features.declarations import Feature
from features.feature_set import FeatureSet
from features.language import Reading, reading_at
from governance.errors import Untraceable
from governance.evidence import LakeView
from ingestion.contracts.event import Event, RawPointer
from scoring.decision import Decision


@dataclass(frozen=True, slots=True)
class EventTrace:
    """A canonical event and the raw message it came from."""

    id: str
    type: str
    source: str
    time: datetime
    raw: RawPointer


@dataclass(frozen=True, slots=True)
class FeatureTrace:
    """A feature as served, and the events its value rests on, newest first."""

    name: str
    value: float | None
    age_seconds: float | None
    contribution: float | None  # log-odds, if it is among the decision's reasons
    events: tuple[EventTrace, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A decision and the way back from it."""

    decision: Decision
    features: tuple[FeatureTrace, ...]
    parted: tuple[str, ...] = ()  # the leads of several people if the decision took them for one: it is superseded


def trace(decision: Decision, lake: LakeView) -> Receipt:
    """The receipt of `decision`; features that moved the score come first, then those that rest on events.

    Raises:
        Untraceable: the lake holds none of the events that the lead's state was folded from.
    """
    lead_events = lake.lead_events(decision.lead_state)
    if decision.lead_state is not None and decision.lead_state.marks and not lead_events:
        raise Untraceable(
            f"decision {decision.id}: the lake holds no event of {decision.lead}; was it made from another lake?"
        )
    account_events = lake.account_events(decision.account_state)
    at = reading_at(lake.lead_state(decision.lead_state), lake.account_state(decision.account_state), decision.as_of)
    contributions = {reason.feature: reason.contribution for reason in decision.reasons}
    traced = [
        FeatureTrace(
            feature.name,
            decision.features.get(feature.name),
            decision.ages.get(feature.name),
            contributions.get(feature.name),
            _events(lake.features, feature, account_events if feature.of_account else lead_events, at)
            or _events(
                lake.features, feature, account_events, at
            ),  # what a company is may have been said by a colleague's event
        )
        for feature in lake.features.features
    ]
    traced.sort(key=lambda each: (-abs(each.contribution or 0.0), not each.events))
    return Receipt(decision, tuple(traced), lake.parted(lead_events))


def _events(features: FeatureSet, feature: Feature, events: list[Event], at: Reading) -> tuple[EventTrace, ...]:
    return tuple(
        EventTrace(event.id, event.type.value, event.source, event.time, event.raw)
        for event in reversed(events)
        if feature.rests_on(features.facts_of(event), micros(event.time), at)
    )
