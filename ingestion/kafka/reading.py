"""Reading a topic from outside, without a group: everything that lies on it now, once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from ingestion.errors import Retry
from ingestion.kafka.asking import Answer, answered, ends, offsets
from ingestion.kafka.record import Record, record_of

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 30.0
_AT_ONCE = 500


def scan_topic(bootstrap: str, topic: str, since: datetime | None = None) -> Generator[Record, None, None]:
    """What lies on `topic` now, partition by partition, a few hundred records in memory at a time.

    Args:
        since: an aware moment; what lies before the first record of this time or later is left out.

    Raises:
        Retry: the broker refused, or did not answer in time.
    """
    with closing(_reader(bootstrap)) as consumer:
        partitions = (
            _asked(topic, lambda: consumer.list_topics(topic, timeout=PATIENCE_SECONDS)).topics[topic].partitions
        )
        for number in sorted(partitions):
            at = TopicPartition(topic, number)
            ((low, high),) = _asked(topic, partial(ends, consumer, [at], PATIENCE_SECONDS))
            if since is not None:
                low = _first_since(consumer, topic, number, since, high)
            consumer.assign([TopicPartition(topic, number, low)])
            while low < high:
                for message in consumer.consume(min(_AT_ONCE, high - low), 0.2):
                    if message.error() is not None:
                        raise Retry(f"topic {topic}: {message.error().str()}")
                    low = message.offset() + 1
                    yield record_of(message)


def read_topic(bootstrap: str, topic: str) -> list[Record]:
    """Everything that lies on `topic` now. For small topics: it is all held in memory."""
    return list(scan_topic(bootstrap, topic))


def _first_since(consumer: Any, topic: str, number: int, since: datetime, end: int) -> int:
    asked = TopicPartition(topic, number, int(since.timestamp() * 1000))
    (found,) = _asked(topic, partial(offsets, consumer, [asked], PATIENCE_SECONDS))
    return end if found == OFFSET_END else found


def _asked(topic: str, question: Callable[[], Answer]) -> Answer:
    return answered(question, f"topic {topic}", PATIENCE_SECONDS)


def _reader(bootstrap: str) -> Any:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "leadline-reader",
            "enable.auto.commit": False,
            # A broker answers one request of a connection after the other: behind a fetch at the end of one partition,
            # the next partition's first records would wait half a second.
            "fetch.wait.max.ms": 20,
        },
        logger=log,
    )
