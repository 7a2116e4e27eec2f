"""The consumer reads partitions side by side in time, never jumps silently, and is never wedged by one of them."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from datetime import timedelta
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ingestion.errors import OffsetLost, Retry
from ingestion.kafka import AlignedConsumer, DurableProducer, Lags, Record, create_topics, group_lag, topic_is_drained
from ingestion.kafka.consumer import MAX_BYTES_AT_ONCE
from leadline.broker import KafkaBroker
from tests.conftest import wait_until
from tests.ingestion.kafka.proxies import electing_proxy, leaderless_proxy

START_MS = 1_700_000_000_000


@pytest.fixture
def producer(kafka: str) -> Iterator[DurableProducer]:
    producer = DurableProducer(kafka, linger_ms=0)
    yield producer
    producer.close()


def _read(consumer: AlignedConsumer, count: int, at_once: int = 1000) -> list[Record]:
    records: list[Record] = []
    deadline = time.monotonic() + 30
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records came"
        records += consumer.poll(at_once, 0.5)
    return records


def _commit(consumer: AlignedConsumer, records: list[Record]) -> None:
    consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})


def test_a_group_that_begins_while_a_leader_is_elected_skips_nothing(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 1})
    for number in range(3):
        producer.send(topic, key="a", value=b"%d" % number)
    producer.flush()
    with (
        electing_proxy(kafka, topic) as bootstrap,
        closing(AlignedConsumer(bootstrap, f"of {topic}", [topic])) as group,
    ):
        assert [record.value for record in _read(group, 3)] == [b"0", b"1", b"2"]


def test_a_group_that_goes_on_while_one_of_its_partitions_has_no_leader_skips_and_repeats_nothing(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 2})
    group = f"of {topic}"
    for word, way in ((b"before", nullcontext(kafka)), (b"after", leaderless_proxy(kafka, topic))):
        for number in range(2):
            producer.send(topic, partition=number, key=None, value=word)
        producer.flush()
        with way as bootstrap, closing(AlignedConsumer(bootstrap, group, [topic])) as member:
            read = _read(member, 2)
            assert [record.value for record in read] == [word, word]
            _commit(member, read)


def test_where_partitions_begin_can_be_asked_as_soon_as_the_broker_is_back(broker: KafkaBroker) -> None:
    create_topics(broker.bootstrap_servers, {"t": 1})
    with closing(AlignedConsumer(broker.bootstrap_servers, "g", ["t"])) as member:
        assert member.beginning("t", 0) == 0
        broker.kill()
        broker.start()
        assert member.beginning("t", 0) == 0


def test_a_process_that_fails_before_its_member_reads_comes_to_its_end(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 1})
    failing = f"""
import time
from ingestion.kafka import AlignedConsumer
consumer = AlignedConsumer({kafka!r}, {topic!r}, [{topic!r}])
time.sleep(2)  # in which the client would join
raise SystemExit("no store")
"""
    ended = subprocess.run([sys.executable, "-c", failing], timeout=60, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"no store\n")


def test_a_backlog_is_released_in_the_order_of_time_across_partitions(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 4, f"{topic}-b": 2})
    places = [(topic, number) for number in range(4)] + [(f"{topic}-b", number) for number in range(2)]
    rng = random.Random(7)
    for moment in range(6000):  # partition 0 gets half of everything, so that the partitions differ in length
        name, number = places[0] if rng.random() < 0.5 else rng.choice(places)
        producer.send(name, partition=number, key=None, value=b"x", timestamp_ms=START_MS + moment)
    producer.flush()

    consumer = AlignedConsumer(kafka, topic, [topic, f"{topic}-b"], max_buffered=600)
    records = _read(consumer, 6000, at_once=500)
    consumer.close()
    assert [record.timestamp_ms - START_MS for record in records] == list(range(6000))


def test_everything_about_a_message_is_kept(kafka: str, topic: str, producer: DurableProducer) -> None:
    create_topics(kafka, {topic: 1})
    producer.send(topic, key="schlüssel", value=b"v", headers={"a": "ä", "b": ""}, timestamp_ms=START_MS)
    producer.flush()
    consumer = AlignedConsumer(kafka, topic, [topic])
    assert _read(consumer, 1) == [
        Record(topic, 0, 0, "schlüssel".encode(), b"v", {"a": "ä", "b": ""}, START_MS),
    ]
    consumer.close()


def test_a_partition_that_gives_nothing_holds_the_others_back_only_for_a_while(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 2})
    stuck = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    stuck.init_transactions(30)
    stuck.begin_transaction()
    stuck.produce(topic, b"never committed", partition=0)
    stuck.flush()
    producer.send(topic, partition=1, key=None, value=b"x")
    producer.flush()

    consumer = AlignedConsumer(kafka, topic, [topic], patience=timedelta(milliseconds=300))
    assert [record.partition for record in _read(consumer, 1)] == [1]
    consumer.close()
    stuck.abort_transaction(30)


def test_control_records_at_the_end_of_a_partition_hold_nothing_back(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 2})
    transactional = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    transactional.init_transactions(30)
    transactional.begin_transaction()
    transactional.produce(topic, b"x", partition=0)
    transactional.commit_transaction(30)
    consumer = AlignedConsumer(kafka, topic, [topic], patience=timedelta(seconds=60))
    _read(consumer, 1)
    producer.send(topic, partition=1, key=None, value=b"y")
    producer.flush()
    assert [record.value for record in _read(consumer, 1)] == [b"y"]
    assert consumer.lag() == 0
    consumer.close()


def test_live_records_wait_for_nobody(kafka: str, topic: str, producer: DurableProducer) -> None:
    create_topics(kafka, {topic: 4})
    consumer = AlignedConsumer(kafka, topic, [topic], patience=timedelta(seconds=60))
    producer.send_and_wait(topic, partition=0, key=None, value=b"first")
    _read(consumer, 1)
    waits = []
    for number in range(20):
        sent = time.monotonic()
        producer.send_and_wait(topic, partition=number % 4, key=None, value=b"x")
        _read(consumer, 1)
        waits.append(time.monotonic() - sent)
    consumer.close()
    assert sorted(waits)[10] < 0.2


def test_a_new_group_starts_at_the_earliest_record_and_goes_on_where_it_committed(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 1})
    for number in range(10):
        producer.send(topic, partition=0, key=None, value=b"%d" % number)
    producer.flush()
    assert group_lag(kafka, topic, [topic]) == 10

    first = AlignedConsumer(kafka, topic, [topic])
    _commit(first, _read(first, 4, at_once=4))
    assert first.lag() == 6
    first.close()
    second = AlignedConsumer(kafka, topic, [topic])
    rest = _read(second, 6)
    assert [record.value for record in rest] == [b"%d" % number for number in range(4, 10)]
    assert not topic_is_drained(kafka, topic, topic)
    _commit(second, rest)
    assert topic_is_drained(kafka, topic, topic)
    second.close()


def test_a_place_that_the_broker_deleted_stops_the_consumer_loudly(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 1})
    for _ in range(10):
        producer.send(topic, partition=0, key=None, value=b"x")
    producer.flush()
    first = AlignedConsumer(kafka, topic, [topic])
    _commit(first, _read(first, 3, at_once=3))
    first.close()
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_records([TopicPartition(topic, 0, 8)])[TopicPartition(topic, 0)].result(30)

    second = AlignedConsumer(kafka, topic, [topic])
    with pytest.raises(OffsetLost, match=f"{topic}/0 offset 3"):
        _read(second, 1)
    second.close()


def test_a_group_whose_offsets_were_forgotten_stops_if_records_went_unread(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 1})
    for _ in range(10):
        producer.send(topic, partition=0, key=None, value=b"x")
    producer.flush()
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_records([TopicPartition(topic, 0, 8)])[TopicPartition(topic, 0)].result(30)

    behind = AlignedConsumer(kafka, topic, [topic], reached=lambda *_: 7)
    with pytest.raises(OffsetLost, match=f"{topic}/0 offset 7"):
        _read(behind, 1)
    behind.close()
    for group, reached in (("new", None), ("through", 8)):
        consumer = AlignedConsumer(kafka, f"{topic}-{group}", [topic], reached=lambda *_: reached)  # noqa: B023
        assert [record.offset for record in _read(consumer, 2)] == [8, 9]
        consumer.close()


def test_large_records_are_released_a_few_at_a_time(kafka: str, topic: str, producer: DurableProducer) -> None:
    create_topics(kafka, {topic: 3})
    body = random.Random(7).randbytes(700_000)
    for moment in range(200):
        producer.send(topic, partition=moment % 3, key=None, value=body, timestamp_ms=START_MS + moment)
    producer.flush()
    consumer = AlignedConsumer(kafka, topic, [topic], patience=timedelta(seconds=60))
    moments: list[int] = []
    while len(moments) < 200:
        records = consumer.poll(10_000, 5)
        assert sum(len(record.value) for record in records) < MAX_BYTES_AT_ONCE + len(body)
        moments += [record.timestamp_ms - START_MS for record in records]
    consumer.close()
    assert moments == list(range(200))


def test_the_assignment_callback_may_choose_where_to_start(kafka: str, topic: str, producer: DurableProducer) -> None:
    create_topics(kafka, {topic: 2})
    for number in range(20):
        producer.send(topic, partition=number % 2, key=None, value=b"%d" % number)
    producer.flush()

    def start_at_seven(partitions: list[tuple[str, int]]) -> None:
        for name, number in partitions:
            consumer.seek(name, number, 7)

    consumer = AlignedConsumer(kafka, topic, [topic], on_assigned=start_at_seven)
    assert sorted(record.offset for record in _read(consumer, 6)) == [7, 7, 8, 8, 9, 9]
    consumer.seek(topic, 1, 9)
    assert [(record.partition, record.offset) for record in _read(consumer, 1)] == [(1, 9)]
    consumer.close()


def test_a_member_whose_place_another_has_taken_says_so_and_stops(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 1})
    named = {"group.instance.id": "worker-1"}
    first = AlignedConsumer(kafka, topic, [topic], client_config=named)
    wait_until(lambda: bool(first.poll(1, 0.1) or first.assignment), "the first to own the partition")
    second = AlignedConsumer(kafka, topic, [topic], client_config=named)
    with pytest.raises(Retry, match=r"fenced .* restart the process"):
        wait_until(lambda: bool(second.poll(1, 0.1) or first.poll(1, 0.1)), "the first to be told")
    first.close()
    second.close()


def test_partitions_move_between_members_without_losing_a_record(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 4})
    seen: set[tuple[int, int]] = set()

    def step(consumer: AlignedConsumer) -> None:
        records = consumer.poll(50, 0.1)
        seen.update((record.partition, record.offset) for record in records)
        _commit(consumer, records)

    def send(count: int) -> None:
        for number in range(count):
            producer.send(topic, partition=number % 4, key=None, value=b"x")
        producer.flush()

    send(400)
    revoked: list[tuple[str, int]] = []
    first = AlignedConsumer(kafka, topic, [topic], on_revoked=revoked.extend)
    deadline = time.monotonic() + 60
    while len(seen) < 100:
        step(first)
    second = AlignedConsumer(kafka, topic, [topic])
    while not (len(first.assignment) == len(second.assignment) == 2):
        assert time.monotonic() < deadline, "the partitions were not shared"
        step(first)
        step(second)
    assert len(revoked) == 2
    send(400)
    first.close()
    while len(seen) < 800:
        assert time.monotonic() < deadline, f"{len(seen)} of 800 records came"
        step(second)
    second.close()


def test_a_consumer_that_is_closed_while_it_joins_begins_nothing(kafka: str, topic: str) -> None:
    create_topics(kafka, {topic: 2})
    asked: list[int] = []
    consumer = AlignedConsumer(kafka, topic, [topic], reached=lambda _, partition: asked.append(partition))
    assert consumer.poll(1, 0) == []  # it has just asked to join
    with closing(Lags(kafka)) as lags:
        wait_until(lambda: lags.has_members(topic), "the group to give it partitions")
    consumer.close()
    assert not asked


class _Rebalancing:
    """A client whose second collection of messages sees its partition lost and won back before it returns."""

    def __init__(self, consumer: AlignedConsumer, place: TopicPartition) -> None:
        self._consumer = consumer
        self._client: Any = consumer._consumer
        self._place = place
        self._collected = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def consume(self, number: int, timeout: float) -> list[Any]:
        messages: list[Any] = self._client.consume(min(number, 20), timeout)
        self._collected += bool(messages)
        if self._collected == 2:
            self._collected += 1
            self._consumer._lost(self._client, [self._place])
            self._consumer._gain(self._client, [self._place])
        return messages


def test_what_was_collected_before_a_partition_was_lost_does_not_hide_what_was_buffered(
    kafka: str, topic: str, producer: DurableProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(kafka, {topic: 1})
    for _ in range(200):
        producer.send(topic, partition=0, key=None, value=b"x")
    producer.flush()
    consumer = AlignedConsumer(kafka, topic, [topic])
    while not consumer.assignment:
        consumer.poll(0, 0.1)
    monkeypatch.setattr(consumer, "_consumer", _Rebalancing(consumer, TopicPartition(topic, 0)))
    released: list[int] = []
    deadline = time.monotonic() + 30
    while 199 not in released:
        assert time.monotonic() < deadline, f"{len(set(released))} of 200 records came"
        released += [record.offset for record in consumer.poll(5, 0.5)]
    first_seen = list(dict.fromkeys(released))
    assert first_seen == list(range(200)), "records came before others that lie before them"
    consumer.close()


class _Refusing:
    """A client whose first commit the broker refuses, as while the group re-forms; everything else reaches it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._refusals = [KafkaException(KafkaError(KafkaError.REBALANCE_IN_PROGRESS))]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def commit(self, **given: Any) -> None:
        if self._refusals:
            raise self._refusals.pop()
        self._client.commit(**given)


def test_a_commit_that_was_refused_while_the_group_re_formed_is_made_up_for_though_nothing_more_comes(
    kafka: str, topic: str, producer: DurableProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(kafka, {topic: 1})
    producer.send_and_wait(topic, key=None, value=b"x")
    consumer = AlignedConsumer(kafka, topic, [topic])
    records = _read(consumer, 1)
    monkeypatch.setattr(consumer, "_consumer", _Refusing(consumer._consumer))
    _commit(consumer, records)
    assert group_lag(kafka, topic, [topic]) == 1
    assert consumer.poll(1, 0.1) == []
    assert group_lag(kafka, topic, [topic]) == 0
    consumer.close()


def test_where_a_partition_was_reached_is_asked_once_and_not_at_every_start(
    kafka: str, topic: str, producer: DurableProducer
) -> None:
    create_topics(kafka, {topic: 3})
    producer.send_and_wait(topic, partition=1, key=None, value=b"x")
    asked: list[int] = []

    def reached(_: str, partition: int) -> None:
        asked.append(partition)

    for _ in range(2):
        consumer = AlignedConsumer(kafka, topic, [topic], reached=reached)
        while len(consumer.assignment) < 3:
            consumer.poll(1, 0.1)
        consumer.commit({(topic, 1): 1})
        consumer.close()
    assert sorted(asked) == [0, 1, 2]
