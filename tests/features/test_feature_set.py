"""A firm's own feature set: properties that the vocabulary has no words for, and how a set is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.declarations import Feature, Type
from features.feature_set import FeatureSet, named
from features.fold import fold_lead
from features.language import Last, Property
from features.recompute import batch_recompute
from features.state import LeadState
from ingestion.contracts.event import Actor, Event, EventType, encode_json
from ingestion.errors import SettingsError
from ingestion.lake import EventsTable, event_row
from tests.features.conftest import NOW, event_of, said

PLAN = Feature(
    "plan",
    Last(Property(EventType.CONTACT_CHANGED, "plan", ("free", "team", "firm"))),
    description="The plan that was asked for",
    owner="sales",
    unit="plan",
    type=Type.RANK,
    maximum=2,
)
SEATS = Feature(
    "seats",
    Last(Property(EventType.CONTACT_CHANGED, "seats"), otherwise=0.0),
    description="Seats in use",
    owner="sales",
    unit="seats",
)
OWN = FeatureSet(service="own_v1", features=(PLAN, SEATS), revision=1)

SAID = st.fixed_dictionaries(
    {}, optional={"plan": st.sampled_from(["free", "team", "firm", "gold", 3, True]), "seats": st.integers(0, 99)}
)


def profile(offset: int, properties: dict[str, object], actor: Actor = Actor.STAFF, minutes: int = 0) -> Event:
    """A contact as the firm's CRM describes it."""
    contact = said(EventType.CONTACT_CHANGED, actor, properties=properties)
    return event_of(contact, at=NOW - timedelta(minutes=minutes), offset=offset)


def read(*events: Event) -> dict[str, float | None]:
    """The set's features of one lead."""
    state = LeadState()
    for event in events:
        fold_lead(state, event, OWN.facts_of(event), OWN.kept)
    return OWN.features_at(state, None, NOW)


def test_a_word_counts_as_its_place_and_another_word_is_missing() -> None:
    assert read(profile(0, {"plan": "team", "seats": 7})) == {"plan": 1.0, "seats": 7.0}
    assert read(profile(0, {"plan": "gold"})) == {"plan": None, "seats": 0.0}
    assert read() == {"plan": None, "seats": 0.0}


def test_a_bot_says_nothing() -> None:
    assert read(profile(0, {"seats": 7}, Actor.BOT)) == read()


def test_another_type_of_event_says_nothing() -> None:
    page = event_of(said(EventType.WEB_PAGE_VIEWED, properties={"seats": 7}), at=NOW)
    assert read(page) == read()


@given(st.lists(st.tuples(SAID, st.integers(0, 3)), min_size=1, max_size=6))
def test_the_newest_value_counts_in_the_stream_and_in_sql(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[dict[str, object], int]]
) -> None:
    events = [profile(offset, properties, minutes=minutes) for offset, (properties, minutes) in enumerate(told)]
    lake: Path = tmp_path_factory.mktemp("lake")
    EventsTable(lake).append([event_row(event, encode_json(event)) for event in events], {"test": 1})
    assert batch_recompute(lake, NOW, OWN) == {events[0].lead: read(*events)}


def test_a_property_keeps_its_place_when_the_list_changes() -> None:
    events = [profile(0, {"plan": "firm", "seats": 4})]
    state = LeadState()
    fold_lead(state, events[0], OWN.facts_of(events[0]), OWN.kept)
    assert replace(OWN, features=(SEATS, PLAN)).features_at(state, None, NOW) == {"seats": 4.0, "plan": 2.0}


def test_two_features_of_one_name_and_two_meanings_of_one_property_are_refused() -> None:
    with pytest.raises(ValueError, match="share the name plan"):
        FeatureSet(service="own_v1", features=(PLAN, replace(SEATS, name="plan")), revision=1)
    counted = replace(PLAN, name="plans", expression=Last(Property(EventType.CONTACT_CHANGED, "plan")))
    with pytest.raises(ValueError, match="share the slot"):
        FeatureSet(service="own_v1", features=(PLAN, counted), revision=1)


def test_a_set_is_found_by_its_name() -> None:
    assert named(f"{__name__}:OWN") is OWN


@pytest.mark.parametrize("path", ["no.such.module:OWN", f"{__name__}:NONE", f"{__name__}:PLAN"])
def test_a_wrong_name_says_what_to_name(path: str) -> None:
    with pytest.raises(SettingsError, match="name a FeatureSet as module:name"):
        named(path)
