"""The quarantine: refused elements on `events.quarantine`, with the bytes as they came, the reason and the way back.

Invariant: a refused element is identified by its raw coordinates. A replay sends it again under the same coordinates,
so readers count coordinates, not messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

import msgspec

from ingestion.contracts.raw import QUARANTINE_TOPIC
from ingestion.errors import Quarantine
from ingestion.kafka import DurableProducer, Record
from ingestion.pipeline import Element

PROCESSOR = "leadline.ingestion"
VERSION = "1-0-0"
MAX_MESSAGE_CHARS = 500
MAX_REPEATED_BYTES = 4 * 1024 * 1024


class Failure(msgspec.Struct, frozen=True):
    """Why an element was refused, and where it lies on its raw topic."""

    type: str
    message: str
    topic: str
    partition: int
    offset: int
    index: int
    sha256: str
    source_system: str


def send(producer: DurableProducer, elements: Iterable[Element]) -> None:
    """Queue refused elements, in raw order; the caller flushes.

    Each carries its message's bytes, until those of one message add up to `MAX_REPEATED_BYTES`: an array of a
    hundred thousand refused numbers would else become gigabytes. The rest say `raw-body: omitted` and point, by
    their coordinates, to the first.
    """
    for _, refused in groupby(elements, key=_message_of):
        for number, element in enumerate(refused):
            _send(producer, element, number == 0 or (number + 1) * len(element.raw.value) <= MAX_REPEATED_BYTES)


def _message_of(element: Element) -> tuple[str, int, int]:
    return element.raw.topic, element.raw.partition, element.raw.offset


def _send(producer: DurableProducer, element: Element, with_body: bool) -> None:
    assert isinstance(element.outcome, Quarantine)
    raw, pointer = element.raw, element.pointer
    producer.send(
        QUARANTINE_TOPIC,
        key=raw.key,
        value=raw.value if with_body else b"",
        headers={
            **raw.headers,
            "failure-stage": "ingestion",
            "failure-type": type(element.outcome).__name__,
            "failure-message": str(element.outcome)[:MAX_MESSAGE_CHARS],
            "raw-topic": pointer.topic,
            "raw-partition": str(pointer.partition),
            "raw-offset": str(pointer.offset),
            "raw-index": str(pointer.index),
            "raw-sha256": pointer.sha256,
            "processor": PROCESSOR,
            "processor-version": VERSION,
            **({} if with_body else {"raw-body": "omitted"}),
        },
        timestamp_ms=int(raw.received.timestamp() * 1000),
    )


def failure_of(record: Record) -> Failure:
    """What a message of the quarantine says."""
    headers: Mapping[str, str] = record.headers
    return Failure(
        type=headers["failure-type"],
        message=headers["failure-message"],
        topic=headers["raw-topic"],
        partition=int(headers["raw-partition"]),
        offset=int(headers["raw-offset"]),
        index=int(headers["raw-index"]),
        sha256=headers["raw-sha256"],
        source_system=headers.get("source-system", ""),
    )
