"""Traffic after the year."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import islice

import pytest

from leadline.company import Company, RawOut, generate, live


@pytest.fixture(scope="module")
def traffic(small: Company, end: datetime) -> list[RawOut]:
    return list(islice(live(small, seed=1, start=end, events_per_second=40), 3_000))


def ids(messages: list[RawOut]) -> list[str]:
    """The vendors' own ids of all events that can be read."""
    names = ("messageId", "eventId", "sg_event_id", "id", "lead_id")
    found = []
    for message in messages:
        try:
            body = json.loads(message.value)
        except (ValueError, RecursionError):
            continue
        for element in body if isinstance(body, list) else [body]:
            if isinstance(element, dict):
                found += [str(element[name]) for name in names if name in element][:1]
    return found


def test_live_traffic_keeps_the_rate_and_runs_on_from_the_start(traffic: list[RawOut], end: datetime) -> None:
    received = [message.received for message in traffic]
    assert received == sorted(received)
    assert received[0] >= end
    seconds = (received[-1] - end).total_seconds()
    assert len(ids(traffic)) / seconds == pytest.approx(40, rel=0.15)


def test_live_traffic_is_of_the_present_and_not_history(traffic: list[RawOut]) -> None:
    for message in traffic:
        assert "imported" not in message.headers
        body = json.loads(message.value)
        if message.headers["source-system"] == "segment":
            age = message.received - datetime.fromisoformat(body["timestamp"])
            assert timedelta(0) <= age <= timedelta(seconds=5)


def test_live_ids_are_fresh(traffic: list[RawOut], small: Company, end: datetime) -> None:
    fresh = ids(traffic)
    assert len(set(fresh)) == len(fresh)
    assert set(fresh).isdisjoint(ids(small.messages))
    later = list(islice(live(small, seed=1, start=end + timedelta(hours=1), events_per_second=40), 3_000))
    assert set(fresh).isdisjoint(ids(later))


def test_live_traffic_repeats_for_the_same_arguments_and_leaves_the_company_alone(
    traffic: list[RawOut], small: Company, end: datetime
) -> None:
    again = list(islice(live(small, seed=1, start=end, events_per_second=40), 3_000))
    assert again == traffic
    assert len(small.census.people) == len(generate(seed=3, leads=150, end=end).census.people)


def test_known_people_go_on_and_newcomers_arrive(traffic: list[RawOut], small: Company) -> None:
    known = {value for person in small.truth.people for _, _, value in person.identifiers}
    keys = {message.key.decode() for message in traffic if message.headers["source-system"] == "segment"}
    assert keys & known
    assert keys - known


def test_a_rate_of_nothing_is_refused(small: Company, end: datetime) -> None:
    with pytest.raises(ValueError, match="positive rate"):
        next(live(small, seed=1, start=end, events_per_second=0))
