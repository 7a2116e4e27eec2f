"""Which types of events each feature rests on, asked of the code itself: one event of every type is read.

Invariant: nothing here repeats a rule of `features.activity`. A feature rests on a type if an event of it says
something that the feature's expression is over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from features.activity import facts_of
from features.feature_set import FeatureSet
from features.language import Act, Property
from ingestion.contracts.event import (
    Actor,
    Campaign,
    Change,
    Channel,
    Consent,
    Event,
    EventData,
    EventType,
    ObjectRef,
    RawPointer,
)

_NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
_SAID: dict[str, object] = {
    "path": "/pricing",
    "lifecyclestage": "opportunity",
    "jobtitle": "Chief Data Officer",
    "numberofemployees": 500,
    "industry": "software",
    "web_technologies": "kafka",
    "lead_source": "Referral",
    "priority": "urgent",
    "amount": 1000,
    "status": "open",
}
_OBJECTS = {"ticket": (), "deal": (Change("dealstage", "contractsent"),)}


def event_types(features: FeatureSet) -> Mapping[str, tuple[str, ...]]:
    """By feature, in order."""
    said: dict[int, set[str]] = defaultdict(set)
    for event in _tried():
        facts = facts_of(event)
        values = (slot for slot, _ in (*facts.values, *facts.company))
        for slot in (*facts.kinds, *values, *(item for item, _, _ in facts.items)):
            said[slot].add(event.type.value)
    found: dict[str, tuple[str, ...]] = {}
    for feature in features.features:
        types = [
            {each.event.value} if isinstance(each, Act | Property) else said[each.slot]
            for each in feature.expression.over
        ]
        found[feature.name] = tuple(sorted(set().union(*types)))
    return found


def _tried() -> Iterator[Event]:
    for type_ in EventType:
        for actor in (Actor.USER, Actor.STAFF):
            for thing in _OBJECTS:
                yield _event(type_, actor, thing)


def _event(type_: EventType, actor: Actor, thing: str) -> Event:
    data = EventData(
        channel=Channel.WEB,
        actor=actor,
        object=ObjectRef(thing, "1"),
        properties=_SAID,
        change=_OBJECTS[thing],
        campaign=Campaign(source="google", medium="cpc"),
        consent=Consent("marketing", True),
    )
    return Event(
        id="tried",
        source="/t/tried/src/tried",
        type=type_,
        time=_NOW,
        receivedtime=_NOW,
        tenant="tried",
        lead="ld_tried",
        account="ac_tried",
        partitionkey="ac_tried",
        data=data,
        raw=RawPointer("raw.crm", 0, 0, 0, ""),
    )
