"""Topics and groups from outside: making, counting, waiting."""

from __future__ import annotations

import time

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from ingestion.contracts.raw import IDENTITY_TOPIC
from ingestion.errors import Retry, SettingsError
from ingestion.kafka.producer import MAX_MESSAGE_BYTES

PATIENCE_SECONDS = 30.0

_EVERY_TOPIC = {
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
    # Kafka's time-based retention goes by the records' own timestamps, and imported history is old from the start:
    # it would be deleted before it is read. Operators set a retention per topic once history is in.
    "retention.ms": "-1",
}
_COMPACTED = {"cleanup.policy": "compact"}


def create_topics(bootstrap: str, partitions: dict[str, int]) -> None:
    """Make the topics that are missing, with that many partitions; leaves existing ones as they are.

    Blocks until every one can be written to. Raises `Retry` if the broker does not manage in time.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    missing = set(partitions) - set(admin.list_topics(timeout=PATIENCE_SECONDS).topics)
    wanted = [
        NewTopic(name, partitions[name], config=_EVERY_TOPIC | (_COMPACTED if name == IDENTITY_TOPIC else {}))
        for name in sorted(missing)
    ]
    for name, request in (admin.create_topics(wanted) if wanted else {}).items():
        try:
            request.result(timeout=PATIENCE_SECONDS)
        except KafkaException as error:
            # librdkafka's in-process cluster cannot create: there, asking about a topic makes it.
            if error.args[0].code() not in (KafkaError.TOPIC_ALREADY_EXISTS, KafkaError._UNSUPPORTED_FEATURE):
                raise Retry(f"topic {name} could not be made: {error.args[0].str()}") from error
    deadline = time.monotonic() + PATIENCE_SECONDS
    for name in partitions:
        while not _is_ready(admin, name):
            if time.monotonic() > deadline:
                raise Retry(f"topic {name} has no leader for every partition after {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.02)


def partition_count(bootstrap: str, topic: str) -> int:
    """How many partitions `topic` has. Raises `SettingsError` if there is no such topic."""
    found = AdminClient({"bootstrap.servers": bootstrap}).list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic]
    if found.error is not None or not found.partitions:
        raise SettingsError(f"topic {topic} is not on {bootstrap}: run `leadline init`, or create it")
    return len(found.partitions)


def group_lag(bootstrap: str, group: str, topics: list[str]) -> int:
    """Records of `topics` that `group` has not committed yet."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    known = admin.list_topics(timeout=PATIENCE_SECONDS).topics
    places = [TopicPartition(topic, number) for topic in topics if topic in known for number in known[topic].partitions]
    if not places:
        return 0
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    committed = {
        (each.topic, each.partition): each.offset for each in asked[group].result(PATIENCE_SECONDS).topic_partitions
    }
    earliest = admin.list_offsets(dict.fromkeys(places, OffsetSpec.earliest()))
    latest = admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()))
    lag = 0
    for place in places:
        offset = committed.get((place.topic, place.partition), -1)
        start = offset if offset >= 0 else earliest[place].result(PATIENCE_SECONDS).offset
        lag += max(0, latest[place].result(PATIENCE_SECONDS).offset - start)
    return lag


def topic_is_drained(bootstrap: str, group: str, topic: str) -> bool:
    """Whether `group` has committed everything on `topic`."""
    return group_lag(bootstrap, group, [topic]) == 0


def _is_ready(admin: AdminClient, topic: str) -> bool:
    found = admin.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic]
    return found.error is None and bool(found.partitions) and all(p.leader >= 0 for p in found.partitions.values())
