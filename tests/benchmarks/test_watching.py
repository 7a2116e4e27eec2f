"""How long it takes until an event is readable, measured as a reader who looks all the while would."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

import pytest

from benchmarks import watching
from benchmarks.traffic import TOPIC
from benchmarks.watching import EVENTS_PER_SECOND, PROBE_EVERY, calls_of, lead_of, watch
from ingestion.identity.hashing import KeyedHash
from ingestion.kafka import DurableProducer, create_topics, read_topic
from leadline.errors import LeadlineError

HASHES = KeyedHash(bytes(32))
LATE = 0.2  # seconds


def test_nobody_who_is_watched_ever_signs_in_and_no_call_comes_twice() -> None:
    calls = calls_of(2_000, first=0)
    assert len(calls) == len({call.body["messageId"] for call in calls}) == 2_000
    signed_in = {call.cookie for call in calls if call.body["userId"]}
    assert signed_in
    assert not signed_in & {call.cookie for call in calls if call.watched}
    assert not {call.cookie for call in calls} & {call.cookie for call in calls_of(2_000, first=10_000)}


def test_what_is_readable_late_is_measured_late_and_the_pace_is_kept(empty_kafka: str) -> None:
    create_topics(empty_kafka, {TOPIC: 1})
    calls = calls_of(500, first=0)
    leads = {lead_of(call.cookie, HASHES) for call in calls if call.watched}

    def newest(asked: Sequence[str]) -> list[int]:
        assert leads.issuperset(asked)
        return [round((time.time() - LATE) * 1_000_000)] * len(asked)

    began = time.monotonic()
    with closing(DurableProducer(empty_kafka)) as producer:
        taken = watch(calls, producer, newest, HASHES)
        producer.flush()
    assert time.monotonic() - began >= (len(calls) - 1) / EVENTS_PER_SECOND + LATE
    assert len(taken) > len(calls) / PROBE_EVERY / 3
    assert min(taken) >= LATE - 0.001  # an event's time has milliseconds
    assert len(read_topic(empty_kafka, TOPIC)) == len(calls)


def test_what_is_never_readable_is_an_error_and_no_figure(empty_kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create_topics(empty_kafka, {TOPIC: 1})
    monkeypatch.setattr(watching, "GIVE_UP_SECONDS", 0.1)
    with closing(DurableProducer(empty_kafka)) as producer, pytest.raises(LeadlineError, match="were not readable"):
        watch(calls_of(100, first=0), producer, lambda leads: [0] * len(leads), HASHES)
