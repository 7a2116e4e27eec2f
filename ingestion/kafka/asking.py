"""Questions to a broker that may not know yet, as while leaders and coordinators are being elected."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from ingestion.errors import Retry

Answer = TypeVar("Answer")

_AGAIN_SECONDS = 0.05
_ELECTING = frozenset(
    (
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError._WAIT_COORD,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,  # a partition has just been made: metadata names a leader before it is one
        KafkaError.FENCED_LEADER_EPOCH,  # the leader was elected anew, as after a restart, and we have not heard of it
        KafkaError.UNKNOWN_LEADER_EPOCH,  # we have, and it has not
        KafkaError._UNKNOWN_PARTITION,  # no partition that we ask about has a leader that we know of
    )
)


def answered(question: Callable[[], Answer], about: str, patience: float) -> Answer:
    """The broker's answer; asked for again, up to `patience` seconds, while it is still electing.

    Raises:
        Retry: it refused, or there was none in time; the message says `about` what.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return question()
        except KafkaException as error:
            if error.args[0].code() not in _ELECTING or time.monotonic() > deadline:
                raise Retry(f"{about}: {error.args[0].str()}") from error
        time.sleep(_AGAIN_SECONDS)


def ends(consumer: Any, places: Sequence[TopicPartition], timeout: float) -> list[tuple[int, int]]:
    """Of each partition the earliest offset and the one behind the newest record. Blocks for two round trips.

    Not by `get_watermark_offsets`: if one of its two requests is refused and the other is answered at once, librdkafka
    takes the one offset for both, and a partition full of records is told to be empty.

    Raises:
        KafkaException: the broker refused, or did not answer in `timeout` seconds.
    """
    lows, highs = (
        offsets(consumer, [TopicPartition(at.topic, at.partition, end) for at in places], timeout)
        for end in (OFFSET_BEGINNING, OFFSET_END)
    )
    return list(zip(lows, highs, strict=True))


def offsets(consumer: Any, times: Sequence[TopicPartition], timeout: float) -> list[int]:
    """The offset at each of `times`, which stand where offsets do. Blocks for one round trip; raises as `ends` does."""
    if not times:
        return []
    try:
        found = consumer.offsets_for_times(times, timeout=timeout)
        for each in found:
            if each.error is not None:  # this partition has no leader, where others have
                raise KafkaException(each.error)
    except KafkaException as error:
        if error.args[0].code() in _ELECTING:
            consumer.list_topics(timeout=timeout)  # else it goes on believing in the leaders that it knows
        raise
    return [each.offset for each in found]
