"""What the producer acknowledges is on the broker; what it could not deliver, it says."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import DeliveryFailed, SettingsError
from ingestion.kafka import AlignedConsumer, DurableProducer, create_topics, partition_count, partition_for
from ingestion.kafka.acknowledged import AcknowledgingProducer
from ingestion.kafka_mock import MockCluster
from tests.ingestion.kafka.proxies import refusing_proxy


def _values(kafka: str, topic: str, count: int) -> list[bytes]:
    consumer = AlignedConsumer(kafka, topic, [topic])
    values: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(values) < count and time.monotonic() < deadline:
        values += [record.value for record in consumer.poll(1000, 0.5)]
    consumer.close()
    return values


def test_flushed_messages_lie_in_the_order_they_were_sent(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 1})
    producer = DurableProducer(kafka)
    sent = [b"%d" % number for number in range(5000)]
    for value in sent:
        producer.send(topic, partition=0, key=None, value=value)
    producer.flush()
    producer.close()
    assert _values(kafka, topic, 5000) == sent


def test_a_coroutine_resumes_when_its_message_is_acknowledged(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 2})
    producer = DurableProducer(kafka, linger_ms=0)

    async def send_all() -> None:
        sends = (producer.send_acknowledged(topic, key=f"{n}", value=b"%d" % n) for n in range(100))
        await asyncio.gather(*sends)

    asyncio.run(send_all())
    assert sorted(map(int, _values(kafka, topic, 100))) == list(range(100))
    producer.close()


def test_a_refused_message_is_named_by_its_topic(kafka: str, topic: str) -> None:
    producer = DurableProducer(kafka, client_config={"topic.metadata.propagation.max.ms": 200})
    producer.send(topic, key=None, value=b"x")
    with pytest.raises(DeliveryFailed, match=f"topic {topic}"):
        producer.flush()
    producer.close()


def test_a_message_too_large_for_the_topic_is_refused_at_once(kafka: str, topic: str) -> None:
    producer = DurableProducer(kafka)
    with pytest.raises(DeliveryFailed, match="too large"):
        producer.send(topic, key=None, value=b"x" * 5_000_000)
    producer.close()


def test_without_a_broker_flush_gives_up_in_time_and_says_how_many_are_left() -> None:
    producer = DurableProducer("127.0.0.1:1")
    producer.send("nowhere", key=None, value=b"x")
    with pytest.raises(DeliveryFailed, match="1 messages are not acknowledged"):
        producer.flush(timedelta(milliseconds=300))
    producer.close()


def test_what_is_on_its_way_does_not_keep_a_producer_from_closing(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 3})
    for _ in range(20):
        producer = DurableProducer(kafka)
        producer.send_and_wait(topic, key=None, value=b"x")
        for number in range(5_000):
            producer.send(topic, key=str(number), value=b"x" * 1000)
        producer.close()


def test_topics_are_made_once_and_counted(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 3})
    create_topics(kafka, {topic: 5})
    assert partition_count(kafka, topic) == 3
    with pytest.raises(SettingsError, match="no-such-topic"):
        partition_count(kafka, "no-such-topic")


ONE_A_BATCH = {"batch.num.messages": 1}


def test_what_follows_a_refused_first_message_does_not_take_its_place(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 1})
    sent = [b"%d" % number for number in range(20)]
    with refusing_proxy(kafka, topic) as bootstrap:
        producer = DurableProducer(bootstrap, linger_ms=0, client_config=ONE_A_BATCH)
        for value in sent:
            producer.send(topic, partition=0, key=None, value=value)
        producer.flush()
        producer.close()
    assert _values(kafka, topic, 20) == sent


def test_a_message_that_the_broker_skipped_is_not_called_delivered(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 1})
    with refusing_proxy(kafka, topic) as bootstrap:
        producer = DurableProducer(bootstrap, linger_ms=0, client_config=ONE_A_BATCH)
        for number in range(20):
            producer.send(topic, key="a", value=b"%d" % number)
        with pytest.raises(DeliveryFailed, match=f"topic {topic}: .* may be lost"):
            producer.flush()
        producer.close()


def test_a_request_whose_message_the_broker_skipped_is_told_so(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 1})

    async def send_all(bootstrap: str) -> list[bytes]:
        producer = AcknowledgingProducer(bootstrap, give_up_ms=20_000, linger_ms=0)
        sent = [os.urandom(700_000) for _ in range(20)]  # each too large to share a batch
        futures = [producer.send(topic, "a", value, {}) for value in sent]
        told = await asyncio.gather(*futures, return_exceptions=True)
        producer.close()
        assert any(isinstance(each, DeliveryFailed) for each in told)
        return [value for value, refused in zip(sent, told, strict=True) if refused is None]

    with refusing_proxy(kafka, topic) as bootstrap:
        acknowledged = asyncio.run(send_all(bootstrap))
    assert set(_values(kafka, topic, len(acknowledged))) >= set(acknowledged)


def test_the_stand_in_cluster_without_java_serves_the_same_clients() -> None:
    with MockCluster() as cluster:
        create_topics(cluster.bootstrap_servers, {"made-by-asking": 4})
        producer = DurableProducer(cluster.bootstrap_servers)
        for number in range(100):
            producer.send("made-by-asking", partition=number % 4, key=None, value=b"%d" % number)
        producer.flush()
        producer.close()
        assert sorted(map(int, _values(cluster.bootstrap_servers, "made-by-asking", 100))) == list(range(100))


@given(st.text(), st.integers(1, 64))
def test_a_key_always_lives_in_the_same_partition(key: str, partitions: int) -> None:
    assert partition_for(key, partitions) == crc32(key.encode()) % partitions
