"""Which types of events each feature rests on, asked of the code itself: one event of every type is tried.

Invariant: nothing here repeats a rule of `features.activity`. A feature rests on a type if an event of it moves
the feature, alone or after another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from features.feature_set import FeatureSet
from features.refold import refold_account, refold_lead
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
_LEAD, _ACCOUNT = "ld_tried", "ac_tried"
_SAID: dict[str, object] = {
    "path": "/pricing",
    "lifecyclestage": "opportunity",
    "jobtitle": "Chief Data Officer",
    "numberofemployees": 500,
    "industry": "software",
    "web_technologies": "kafka",
    "lead_source": "Referral",
    "priority": "urgent",
    "status": "open",
}
_OBJECTS = {"ticket": (), "deal": (Change("dealstage", "contractsent"),)}


def event_types(features: FeatureSet) -> Mapping[str, tuple[str, ...]]:
    """By feature, in order; a feature that none of the tried events moves has none."""
    found: dict[str, set[str]] = {name: set() for name in features.names}
    before = [
        _event(EventType.CRM_STAGE_CHANGED, Actor.STAFF, "deal", 0),
        _event(EventType.TICKET_CREATED, Actor.USER, "ticket", 1),
    ]
    for told in ([], before):
        without = _values(features, told)
        for event in _tried():
            with_it = _values(features, [*told, event])
            for name in features.names:
                if with_it[name] != without[name]:
                    found[name].add(event.type.value)
    return {name: tuple(sorted(types)) for name, types in found.items()}


def _tried() -> Iterator[Event]:
    for type_ in EventType:
        for actor in (Actor.USER, Actor.STAFF):
            for thing in _OBJECTS:
                yield _event(type_, actor, thing, 2)


def _event(type_: EventType, actor: Actor, thing: str, offset: int) -> Event:
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
        id=f"tried-{offset}",
        source="/t/tried/src/tried",
        type=type_,
        time=_NOW + timedelta(days=offset),
        receivedtime=_NOW + timedelta(days=offset),
        tenant="tried",
        lead=_LEAD,
        account=_ACCOUNT,
        partitionkey=_ACCOUNT,
        data=data,
        raw=RawPointer("raw.crm", 0, offset, 0, ""),
    )


def _values(features: FeatureSet, events: list[Event]) -> Mapping[str, object]:
    """What the states say after these events: each feature's value, and when it was last moved."""
    marks = {f"{key}|{event.raw.stream}": event.raw.position for event in events for key in (_LEAD, _ACCOUNT)}
    lead = refold_lead(events, {mark: at for mark, at in marks.items() if mark.startswith(_LEAD)}, features)
    account = refold_account(events, marks, lambda event: event.lead, features)
    at = _NOW + timedelta(days=3)
    values, ages = features.features_at(lead, account, at), features.ages_at(lead, None, at)
    return {name: (values[name], ages[name]) for name in features.names}
