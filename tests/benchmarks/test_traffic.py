"""What the benchmark of ingestion is fed with, and the loop that it is held against."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from benchmarks.raw_loop import cpu_seconds_of_reading
from benchmarks.traffic import messages
from ingestion.contracts.event import Draft, IdentifierType
from ingestion.contracts.raw import RawMessage
from ingestion.decode import read
from ingestion.kafka import DurableProducer, create_topics
from ingestion.sources.adapter import Tenant
from leadline.company import RawOut

END = datetime(2026, 11, 1, tzinfo=UTC)


def drafts_of(sent: list[RawOut]) -> list[Draft]:
    read_ = [
        read(RawMessage(one.topic, 0, n, one.key, one.value, one.headers, one.received), Tenant("t"))
        for n, one in enumerate(sent)
    ]
    return [draft for (draft,) in read_ if isinstance(draft, Draft)]


def test_traffic_is_the_same_bytes_every_time_in_received_order() -> None:
    sent = messages(3_000, end=END)
    assert sent == messages(3_000, end=END)
    assert [one.received for one in sent] == sorted(one.received for one in sent)
    assert sent[-1].received <= END


def test_every_message_is_one_event_of_a_person_known_by_the_messages_key() -> None:
    sent = messages(3_000, end=END)
    drafts = drafts_of(sent)
    assert len(drafts) == len(sent)
    owners: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    for one, draft in zip(sent, drafts, strict=True):
        for claim in draft.claims:
            owners[claim.type, claim.value].add(one.key)
    assert all(len(keys) == 1 for keys in owners.values())
    assert {kind for kind, _ in owners} == {IdentifierType.ANONYMOUS_ID, IdentifierType.USER_ID, IdentifierType.EMAIL}


def test_some_deliveries_come_twice_and_some_events_are_personal() -> None:
    drafts = drafts_of(messages(3_000, end=END))
    assert 0.95 < len({draft.id for draft in drafts}) / len(drafts) < 0.995
    assert 0.1 < sum(bool(draft.private) for draft in drafts) / len(drafts) < 0.5


def test_raw_loop_reads_every_message_of_a_topic_poison_too(kafka: str) -> None:
    create_topics(kafka, {"raw-loop-reads": 2})
    producer = DurableProducer(kafka)
    for number, value in enumerate((b"{}", b"no JSON", b"[]")):
        producer.send("raw-loop-reads", key=str(number), value=value)
    producer.flush()
    producer.close()
    assert cpu_seconds_of_reading(kafka, ["raw-loop-reads"], 3) > 0
