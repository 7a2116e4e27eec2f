"""The physical floor: a loop that reads raw topics and parses their JSON, and does nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import orjson
from confluent_kafka import Consumer, TopicPartition

CONSUME = 10_000


def cpu_seconds_of_reading(bootstrap: str, topics: Sequence[str], messages: int) -> float:
    """CPU time of this process, with librdkafka's threads, for reading and parsing `messages` messages once."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "raw-loop",
            "enable.auto.commit": False,
            "queued.min.messages": 100_000,
        }
    )
    try:
        known = consumer.list_topics(timeout=30).topics
        consumer.assign([TopicPartition(name, number, 0) for name in topics for number in known[name].partitions])
        began, seen = time.process_time(), 0
        while seen < messages:
            for message in consumer.consume(CONSUME, 0.5):
                with suppress(orjson.JSONDecodeError):  # the demo company's planted poison
                    orjson.loads(message.value())
                seen += 1
        return time.process_time() - began
    finally:
        consumer.close()
