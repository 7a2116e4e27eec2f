"""The quarantine: refused elements on `events.quarantine`, with the bytes as they came, the reason and the way back.

Invariant: a refused element is identified by the raw coordinates where it was read first. What is read again, after a
crash or in a replay, and is refused again, is sent again under the same coordinates. So readers count coordinates, not
messages; what has become of each is in the ledger (`ingestion.refused`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

import msgspec

from ingestion.contracts.event import MAX_PARTS
from ingestion.contracts.raw import IMPORTED, QUARANTINE_TOPIC, RECEIVED_TIME, REPLAY_OF
from ingestion.element import Element
from ingestion.errors import Quarantine
from ingestion.kafka import MAX_MESSAGE_BYTES, DurableProducer, Record
from ingestion.refused import MAX_MESSAGE_CHARS

PROCESSOR = "leadline.ingestion"
VERSION = "1-0-0"
MAX_REPEATED_BYTES = 4 * 1024 * 1024
MAX_BODY_BYTES = MAX_MESSAGE_BYTES - 64 * 1024
OMITTED = "raw-body"
OURS = frozenset(  # headers that the quarantine adds to a message's own
    {
        "failure-stage",
        "failure-type",
        "failure-message",
        "raw-topic",
        "raw-partition",
        "raw-offset",
        "raw-index",
        "raw-sha256",
        "processor",
        "processor-version",
        OMITTED,
    }
)


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
    their coordinates, to the first. Bytes that leave no room for the reason stay on the raw topic alone.
    """
    for _, refused in groupby(elements, key=_message_of):
        for number, element in enumerate(refused):
            size = len(element.raw.value)
            fits = size <= MAX_BODY_BYTES if number == 0 else (number + 1) * size <= MAX_REPEATED_BYTES
            _send(producer, element, fits)


def _message_of(element: Element) -> tuple[str, int, int]:
    return element.raw.topic, element.raw.partition, element.raw.offset


def _send(producer: DurableProducer, element: Element, with_body: bool) -> None:
    assert isinstance(element.outcome, Quarantine)
    raw, pointer = element.raw, element.pointer
    offset, index = divmod(element.place[1], MAX_PARTS)
    producer.send(
        QUARANTINE_TOPIC,
        key=raw.key,
        value=raw.value if with_body else b"",
        headers={
            **{name: value for name, value in raw.headers.items() if name != REPLAY_OF},
            RECEIVED_TIME: raw.received.isoformat(),
            "failure-stage": "ingestion",
            "failure-type": type(element.outcome).__name__,
            "failure-message": str(element.outcome)[:MAX_MESSAGE_CHARS],
            "raw-topic": pointer.topic,
            "raw-partition": str(pointer.partition),
            "raw-offset": str(offset),
            "raw-index": str(index),
            "raw-sha256": pointer.sha256,
            "processor": PROCESSOR,
            "processor-version": VERSION,
            **({} if with_body else {OMITTED: "omitted"}),
        },
        timestamp_ms=int(raw.known.timestamp() * 1000),
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


def send_again(producer: DurableProducer, record: Record) -> None:
    """Queue the message that a record of the quarantine with a body holds for its raw partition once more (ADR 12).

    It says which message it repeats. It is no history, whatever the first was: it is known from now on.
    """
    failure = failure_of(record)
    headers = {name: value for name, value in record.headers.items() if name not in OURS and name != IMPORTED}
    producer.send(
        failure.topic,
        partition=failure.partition,
        key=record.key,
        value=record.value,
        headers=headers | {REPLAY_OF: str(failure.offset)},
    )
