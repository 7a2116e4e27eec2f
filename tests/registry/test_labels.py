"""A label says what had become of the lead by the horizon's end, and never what was not yet decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from ingestion.contracts.event import Channel, Event, EventData, EventType, LeadMerged, RawPointer
from ingestion.contracts.forwards import Forwards
from registry.labels import Outcome, label_at, outcomes_of

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RAW = RawPointer("raw.crm", 0, 1, 0, "")
END = T0 + 365 * DAY


def outcome(day: float, *, won: bool, told_after: float = 0.0) -> Outcome:
    return Outcome(T0 + day * DAY, T0 + (day + told_after) * DAY, won)


def merge(absorbed: str, survivor: str, day: int = 1) -> LeadMerged:
    return LeadMerged(
        absorbed=absorbed,
        survivor=survivor,
        survivor_key=survivor,
        survivor_account=None,
        joined=True,
        rule="email",
        receivedtime=T0 + day * DAY,
        imported=False,
        raw=RAW,
    )


@pytest.fixture
def decided() -> Callable[..., Event]:
    """A CRM outcome event of a lead."""

    def make(lead: str, said: str, day: int, *, test: bool = False) -> Event:
        return Event(
            id=f"{lead}-{day}",
            source="/t/demo/hubspot/1",
            type=EventType.CRM_OUTCOME,
            time=T0 + day * DAY,
            receivedtime=T0 + day * DAY,
            tenant="demo",
            lead=lead,
            partitionkey=lead,
            data=EventData(channel=Channel.CRM, properties={"outcome": said}, test=test),
            raw=RAW,
        )

    return make


@pytest.mark.parametrize(
    ("outcomes", "label"),
    [
        ((), False),  # silent
        ((outcome(50, won=True),), True),
        ((outcome(100, won=True),), True),  # the ninetieth day still counts
        ((outcome(100.5, won=True),), False),  # too late
        ((outcome(50, won=False),), False),  # lost
        ((outcome(30, won=False), outcome(60, won=True)), True),  # lost, then won after all
        ((outcome(5, won=True),), None),  # decided before
        ((outcome(5, won=False),), None),
        ((outcome(10, won=True),), None),  # decided at the very moment
        ((outcome(9, won=True, told_after=3),), None),  # had happened, though nobody knew
    ],
)
def test_won_within_ninety_days_of_the_snapshot(outcomes: tuple[Outcome, ...], label: bool | None) -> None:
    assert label_at(outcomes, T0 + 10 * DAY, END) is label


def test_there_is_no_label_before_the_horizon_has_passed() -> None:
    assert label_at((), END - 90 * DAY, END) is False
    assert label_at((), END - 89 * DAY, END) is None
    assert label_at((outcome(300, won=True),), END - 89 * DAY, END) is None


def test_outcomes_of_an_absorbed_lead_are_its_survivors(decided: Callable[..., Event]) -> None:
    events = [decided("old", "lost", 20), decided("new", "won", 40), decided("other", "disqualified", 5)]
    found = outcomes_of(events, Forwards([merge("old", "new")]))
    assert found == {
        "new": (outcome(20, won=False), outcome(40, won=True)),
        "other": (outcome(5, won=False),),
    }


def test_test_pings_decide_nothing(decided: Callable[..., Event]) -> None:
    assert outcomes_of([decided("a", "won", 1, test=True)], Forwards([])) == {}


def test_a_chain_of_merges_ends_at_the_last_survivor_in_any_order() -> None:
    merges = [merge("a", "b", 1), merge("b", "c", 2), merge("d", "c", 3)]
    for order in permutations(merges):
        assert [Forwards(order).lead(lead) for lead in "abcd"] == ["c", "c", "c", "c"]


def test_merges_that_go_in_a_circle_end() -> None:
    assert Forwards([merge("a", "b", 1), merge("b", "a", 2)]).lead("a") in ("a", "b")
