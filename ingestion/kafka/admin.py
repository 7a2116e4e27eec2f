"""Topics and groups from outside: making, counting, waiting."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from concurrent.futures import wait
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupState, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic, TopicMetadata

from ingestion.contracts.raw import IDENTITY_TOPIC
from ingestion.errors import Retry, SettingsError
from ingestion.kafka.asking import answered, ends
from ingestion.kafka.producer import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 30.0

_EVERY_TOPIC = {
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
    # Kafka's time-based retention goes by the records' own timestamps, and imported history is old from the start:
    # it would be deleted before it is read. Operators set a retention per topic once history is in.
    "retention.ms": "-1",
}
_MOCK = "mockCluster"  # how librdkafka's in-process cluster calls itself
_COMPACTED = {"cleanup.policy": "compact"}


def create_topics(bootstrap: str, partitions: dict[str, int]) -> None:
    """Make the topics that are missing, with that many partitions; leaves existing ones as they are.

    Blocks until every one can be written to. Raises `Retry` if nobody answers, or does not manage in time.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap}, logger=log)
    cluster = _cluster(admin, bootstrap)
    missing = set(partitions) - set(cluster.topics)
    if (cluster.cluster_id or "").startswith(_MOCK):
        missing.clear()  # it never answers a request to create; asking about a topic, as below, makes it
    wanted = [
        NewTopic(name, partitions[name], config=_EVERY_TOPIC | (_COMPACTED if name == IDENTITY_TOPIC else {}))
        for name in sorted(missing)
    ]
    requests = admin.create_topics(wanted) if wanted else {}
    wait(requests.values(), timeout=PATIENCE_SECONDS)  # all of them, before an error may end the client
    for name, request in requests.items():
        try:
            request.result(timeout=0)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise Retry(f"topic {name} could not be made: {error.args[0].str()}") from error
        except TimeoutError:
            raise Retry(f"topic {name}: the broker did not answer in {PATIENCE_SECONDS:.0f} s") from None
    deadline, places = time.monotonic() + PATIENCE_SECONDS, []
    for name in partitions:
        while not _is_ready(topic := _cluster(admin, bootstrap, name).topics[name]):
            if time.monotonic() > deadline:
                raise Retry(f"topic {name} has no leader for every partition after {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.02)
        places += [TopicPartition(name, number) for number in topic.partitions]
    # Metadata names a leader before it is one; only that can say where a partition ends.
    with closing(_outsider(bootstrap, "leadline-init")) as consumer:
        answered(lambda: ends(consumer, places, PATIENCE_SECONDS), "new topics", PATIENCE_SECONDS)


def partition_count(bootstrap: str, topic: str) -> int:
    """How many partitions `topic` has. Raises `SettingsError` if there is no such topic, `Retry` if nobody answers."""
    admin = AdminClient({"bootstrap.servers": bootstrap}, logger=log)
    found = _cluster(admin, bootstrap, topic).topics[topic]
    if found.error is not None or not found.partitions:
        raise SettingsError(f"topic {topic} is not on {bootstrap}: run `leadline init`, or create it")
    return len(found.partitions)


def _cluster(admin: AdminClient, bootstrap: str, topic: str | None = None) -> ClusterMetadata:
    try:
        return admin.list_topics(topic, timeout=PATIENCE_SECONDS)
    except KafkaException as error:
        raise Retry(
            f"no broker answers at {bootstrap} ({error.args[0].str()}): start one, or set KAFKA_BOOTSTRAP_SERVERS"
        ) from error


class Lags:
    """How far consumer groups are behind; one client for many questions."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap}, logger=log)
        self._groups: dict[str, Consumer] = {}

    def of(self, group: str, topics: Iterable[str]) -> int:
        """Records of `topics` that `group` has not committed yet. Blocks for four round trips.

        Raises:
            Retry: the broker did not answer in time.
        """
        if group not in self._groups:
            self._groups[group] = _outsider(self._bootstrap, group)
        return _lag(self._groups[group], group, topics)

    def reached(self, group: str, topic: str) -> dict[int, int]:
        """The next offset that `group` has committed, by partition; left out: partitions without one. As `of`."""
        if group not in self._groups:
            self._groups[group] = _outsider(self._bootstrap, group)
        consumer = self._groups[group]

        def committed() -> Any:
            known = consumer.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic].partitions
            return consumer.committed([TopicPartition(topic, number) for number in known], timeout=PATIENCE_SECONDS)

        places = answered(committed, f"where group {group} is on {topic}", PATIENCE_SECONDS)
        return {place.partition: place.offset for place in places if place.offset >= 0}

    def has_members(self, group: str) -> bool:
        """Whether the group has a member with partitions. Blocks for one round trip; raises `Retry` as `of` does."""
        described = self._described(group)
        members = [] if described is None else described.members
        return any(member.assignment and member.assignment.topic_partitions for member in members)

    def exists(self, group: str) -> bool:
        """Whether anybody has ever joined the group. Blocks and raises as `has_members` does."""
        described = self._described(group)
        return described is not None and described.state != ConsumerGroupState.DEAD

    def _described(self, group: str) -> Any:
        try:
            return self._admin.describe_consumer_groups([group])[group].result(PATIENCE_SECONDS)
        except KafkaException:
            return None  # nobody has joined it yet
        except TimeoutError:
            raise Retry(f"group {group}: the broker did not answer in {PATIENCE_SECONDS:.0f} s") from None

    def close(self) -> None:
        """Let go of the broker: a client left open goes on looking for one that has stopped."""
        while self._groups:
            self._groups.popitem()[1].close()


def group_lag(bootstrap: str, group: str, topics: list[str]) -> int:
    """Records of `topics` that `group` has not committed yet. Asks the broker; does not join the group.

    Raises:
        Retry: the broker did not answer in time.
    """
    with closing(_outsider(bootstrap, group)) as consumer:
        return _lag(consumer, group, topics)


def _outsider(bootstrap: str, group: str) -> Consumer:
    """A client that may ask about a group without joining it.

    Not the admin client: its requests for offsets crash the process if it is collected while one is unanswered.
    """
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}, logger=log)


def _lag(consumer: Consumer, group: str, topics: Iterable[str]) -> int:
    names = list(topics)

    def lag() -> int:
        known = consumer.list_topics(timeout=PATIENCE_SECONDS).topics
        places = [TopicPartition(name, number) for name in names if name in known for number in known[name].partitions]
        committed = consumer.committed(places, timeout=PATIENCE_SECONDS) if places else []
        held = ends(consumer, committed, PATIENCE_SECONDS)
        return sum(max(0, high - max(low, at.offset)) for at, (low, high) in zip(committed, held, strict=True))

    return answered(lag, f"lag of group {group} on {', '.join(names)}", PATIENCE_SECONDS)


def topic_is_drained(bootstrap: str, group: str, topic: str) -> bool:
    """Whether `group` has committed everything on `topic`."""
    return group_lag(bootstrap, group, [topic]) == 0


def _is_ready(topic: TopicMetadata) -> bool:
    return topic.error is None and bool(topic.partitions) and all(p.leader >= 0 for p in topic.partitions.values())
