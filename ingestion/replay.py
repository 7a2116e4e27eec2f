"""The way back from quarantine: the bytes of refused elements, found on `events.quarantine` and sent once more.

Which elements of a replayed message are read is decided when it is read: those that are still quarantined then
(`ingestion.refused`). So a replay may be sent twice, or cut short and begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime

from ingestion.contracts.raw import QUARANTINE_TOPIC
from ingestion.kafka import DurableProducer, Record, scan_topic
from ingestion.quarantine import OMITTED, failure_of, send_again
from ingestion.refused_query import Coordinates


def replay(
    bootstrap: str, messages: Mapping[Coordinates, datetime], tell: Callable[[], None] = lambda: None
) -> list[Coordinates]:
    """Send these messages to their raw partitions once more; returns those whose bytes are in quarantine no longer.

    Reads the quarantine from the oldest of them on, and returns when everything that was sent is durable.

    Args:
        messages: without index, and when each was received.
        tell: is called for each message that is sent.

    Raises:
        DeliveryFailed: not everything was acknowledged; to replay the same again is safe.
    """
    producer = DurableProducer(bootstrap)
    found = set()
    try:
        for message, record in bodies(bootstrap, messages):
            send_again(producer, record)
            found.add(message)
            tell()
        producer.flush()
    finally:
        producer.close()
    return sorted(messages.keys() - found)


def bodies(bootstrap: str, messages: Mapping[Coordinates, datetime]) -> Iterator[tuple[Coordinates, Record]]:
    """For each of these messages that is found, one record of the quarantine that holds its bytes."""
    left = set(messages)
    with closing(scan_topic(bootstrap, QUARANTINE_TOPIC, min(messages.values(), default=None))) as records:
        for record in records if left else ():
            failure = failure_of(record)
            message = Coordinates(failure.topic, failure.partition, failure.offset)
            if message in left and OMITTED not in record.headers:
                left.remove(message)
                yield message, record
                if not left:
                    return
