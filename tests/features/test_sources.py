"""When each source last spoke of a lead is kept exactly, and a silence that is longer than expected is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features.activity import is_heard
from features.clock import SECOND, micros
from features.facts import Told
from features.recompute import newest_told
from features.sources import EXPECTED, ages, expected, silent
from ingestion.settings import PlatformSettings
from tests.features.conftest import NOW, History, event_of, histories, page
from tests.features.oracle import Worker

DAY = timedelta(days=1)


@given(histories())
def test_a_lead_knows_the_newest_event_of_each_source_of_everybody_it_has_become(history: History) -> None:
    worker = Worker()
    worker.handle(history.records)
    by_hand: dict[str, dict[str, int]] = {history.final(event.lead): {} for event in history.events}
    for event in filter(is_heard, history.events):
        newest, system = by_hand[history.final(event.lead)], event.source.split("/")[3]
        newest[system] = max(newest.get(system, 0), micros(event.time) // SECOND)
    served = {lead: state.sources for lead, state in worker.leads.items() if lead not in worker.forwards}
    assert served == by_hand
    told = [Told(event, history.final(event.lead), None, event.account, event.lead) for event in history.events]
    assert newest_told(told) == {lead: newest for lead, newest in by_hand.items() if newest}


@given(st.dictionaries(st.sampled_from(["hubspot", "segment"]), st.integers(0, micros(NOW) // SECOND)))
def test_ages_are_seconds_since_then_and_never_negative(newest: dict[str, int]) -> None:
    assert all(age >= 0 for age in ages(newest, NOW - 20 * 365 * DAY).values())
    assert all(newest[system] + age == micros(NOW) // SECOND for system, age in ages(newest, NOW).items())


def test_a_source_is_silent_beyond_what_is_expected_of_it_and_one_that_never_spoke_is_not() -> None:
    within = {"hubspot": 90 * DAY, "salesforce": 90 * DAY}
    day = 86_400
    assert silent({"hubspot": 90 * day, "segment": 900 * day}, within) == []
    assert silent({"hubspot": 90 * day + 1, "segment": 900 * day}, within) == ["hubspot"]


def test_what_is_expected_is_configured_over_the_defaults() -> None:
    assert expected("") == EXPECTED
    assert expected("segment=0.5,hubspot=30")["segment"] == DAY / 2
    assert expected("segment=0.5,hubspot=30")["hubspot"] == 30 * DAY
    assert "hubspot" not in expected("hubspot=0")


@pytest.mark.parametrize("wrong", ["hubspot", "hubspot=", "hubspot=soon", "=3", "hubspot=-1"])
def test_a_wrong_expectation_stops_the_start(wrong: str) -> None:
    keys = {"LEADLINE_IDENTITY_KEY": "0" * 64, "LEADLINE_MASTER_KEY": "0" * 64}
    with pytest.raises(ValidationError, match="LEADLINE_SOURCE_FRESHNESS"):
        PlatformSettings.model_validate(keys | {"LEADLINE_SOURCE_FRESHNESS": wrong})


def test_a_bot_does_not_speak_for_its_source() -> None:
    worker = Worker()
    worker.handle([event_of(page(test=True), at=NOW, lead="ld_0")])
    assert worker.leads["ld_0"].sources == {}
