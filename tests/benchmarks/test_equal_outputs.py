"""Two arms are timed only if they make the same events about the same people."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from benchmarks.equal_outputs import require_equal
from ingestion.contracts.event import Channel, Event, EventData, EventType, LeadMerged, RawPointer, encode_json
from ingestion.kafka import DurableProducer, create_topics
from leadline.errors import LeadlineError

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
RAW = RawPointer("raw.product", 0, 0, 0, "0" * 64)
_topics = (f"equal-outputs-{number}" for number in itertools.count())


def event(id_: str, lead: str, path: str = "/") -> Event:
    return Event(
        id=id_,
        source="/t/t/segment/s",
        type=EventType.WEB_PAGE_VIEWED,
        time=NOON,
        receivedtime=NOON,
        tenant="t",
        lead=lead,
        partitionkey=lead,
        data=EventData(channel=Channel.WEB, properties={"path": path}),
        raw=RAW,
    )


def merge(absorbed: str, survivor: str) -> LeadMerged:
    return LeadMerged(
        absorbed=absorbed,
        survivor=survivor,
        survivor_key=survivor,
        survivor_account=None,
        joined=True,
        rule="r",
        receivedtime=NOON,
        imported=False,
        raw=RAW,
    )


def topic_of(bootstrap: str, records: Sequence[Event | LeadMerged]) -> str:
    topic = next(_topics)
    create_topics(bootstrap, {topic: 1})
    producer = DurableProducer(bootstrap)
    for record in records:
        kind = "merge" if isinstance(record, LeadMerged) else "event"
        producer.send(topic, key="k", value=encode_json(record), headers={"record": kind})
    producer.flush()
    producer.close()
    return topic


def test_leads_may_have_other_names_and_may_have_been_merged_on_the_way(kafka: str) -> None:
    one = topic_of(kafka, [event("a", "cookie"), event("b", "user"), merge("cookie", "user"), event("c", "other")])
    other = topic_of(kafka, [event("a", "1"), event("b", "1"), event("c", "2")])
    assert require_equal(kafka, one, other) == 3


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([event("a", "1"), event("b", "1", path="/pricing")], "differ in 1 of 2 events"),
        ([event("a", "1")], "differ in 1 of 2 events"),
        ([event("a", "1"), event("b", "2")], "to 3 other leads"),
    ],
)
def test_another_content_a_lost_event_and_another_person_are_told(
    kafka: str, events: list[Event], complaint: str
) -> None:
    right = topic_of(kafka, [event("a", "1"), event("b", "1")])
    with pytest.raises(LeadlineError, match=complaint):
        require_equal(kafka, right, topic_of(kafka, events))


def test_two_empty_topics_are_no_proof(kafka: str) -> None:
    with pytest.raises(LeadlineError, match="0 events"):
        require_equal(kafka, topic_of(kafka, []), topic_of(kafka, []))
