"""One message as it lies in a partition, and which partition a key belongs to."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec

Partition = tuple[str, int]  # topic, partition number


class Record(msgspec.Struct, frozen=True, gc=False):
    """A consumed message. A value of None (a tombstone) reads as empty bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, str]
    timestamp_ms: int


def record_of(message: Any) -> Record:
    """A `confluent_kafka.Message` without error, as a `Record`."""
    headers = message.headers()
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value() or b"",
        {name: value.decode("utf-8", "replace") if value else "" for name, value in headers} if headers else {},
        message.timestamp()[1],
    )


def partition_for(key: str, partitions: int) -> int:
    """Where `key` lives among `partitions`: CRC-32 of its UTF-8 bytes, as librdkafka's `consistent` partitioner."""
    return crc32(key.encode()) % partitions
