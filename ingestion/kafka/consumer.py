"""A consumer that reads its partitions side by side in time, as Kafka Streams does.

Each assigned partition has a buffer. The record with the smallest timestamp is released while every partition has
one buffered, or is known to be at its end. A partition that lags behind holds the others back, but for no longer
than `patience`, so that a dead one never wedges them. Where all are at their ends, nothing waits.

Invariant: within a partition, records are released in the order of their offsets, each once per assignment.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from heapq import heapify, heappop, heapreplace
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ingestion.errors import OffsetLost, Retry
from ingestion.kafka.asking import Answer, answered, ends
from ingestion.kafka.record import Partition, Record, record_of

log = logging.getLogger(__name__)

QUERY_SECONDS = 20.0
FETCH_RECORDS = 10_000
MAX_BUFFERED_BYTES = 64 * 1024 * 1024
MAX_BYTES_AT_ONCE = 32 * 1024 * 1024  # a poll returns at most this and one record: reading makes several times of it
_UNKNOWN = -1001  # librdkafka's OFFSET_INVALID: no offset committed, or no watermark known yet

# The group is re-forming: what was not committed stays pending, and what moved away is read again by its new owner.
_REBALANCING = frozenset(
    (
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError._NO_OFFSET,
        KafkaError._ASSIGNMENT_LOST,
    )
)


class _Lane:
    """One assigned partition: what is buffered and how far it was read."""

    __slots__ = ("buffer", "end", "paused", "position", "size", "starved_since")

    def __init__(self, position: int, end: int) -> None:
        self.buffer: deque[Record] = deque()
        self.size = 0  # bytes of the values in it
        self.position = position  # the next offset to buffer
        self.end = end  # the highest watermark seen
        self.starved_since: float | None = None
        self.paused = False

    @property
    def next_offset(self) -> int:
        return self.buffer[0].offset if self.buffer else self.position

    def put(self, record: Record) -> None:
        self.buffer.append(record)
        self.size += len(record.value)

    def take(self) -> Record:
        record = self.buffer.popleft()
        self.size -= len(record.value)
        return record


class Watcher(Protocol):
    """Called with partitions that this consumer gains or loses."""

    def __call__(self, partitions: list[Partition], /) -> None: ...


class Reached(Protocol):
    """Asked how far a partition has been read; answers the next offset, or None if it never was."""

    def __call__(self, topic: str, partition: int, /) -> int | None: ...


class AlignedConsumer:
    """One member of a consumer group, which it joins with its first poll. Not thread-safe.

    Once it has joined, `close` it, whatever happens: the client of a member that is not closed keeps its process from
    ending.

    A partition without a committed offset is read from its earliest record, unless `reached` tells of a place that the
    broker does not hold: Kafka forgets the offsets of a group that stood still for a week, or whose topic was deleted.
    `on_assigned` runs before the first record of the new partitions and may call `seek` for them; `on_revoked` runs
    while they are still ours.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: list[str],
        *,
        max_buffered: int = 40_000,
        patience: timedelta = timedelta(milliseconds=200),
        on_assigned: Watcher | None = None,
        on_revoked: Watcher | None = None,
        reached: Reached = lambda *_: None,
        client_config: Mapping[str, Any] | None = None,
    ) -> None:
        self._group = group
        self._max_buffered = max_buffered
        self._patience = patience.total_seconds()
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._reached = reached
        self._lanes: dict[Partition, _Lane] = {}
        self._room = 0  # bytes that the poll at hand may still release
        self._uncommitted: dict[Partition, int] = {}
        self._topics = topics
        self._has_joined = False
        self._gained: set[Partition] = set()  # while messages are collected
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # never a silent jump: `_start` decides where a partition begins
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 6_000,
                "heartbeat.interval.ms": 1_000,
                # For so long a group that re-forms waits for a member whose answer was lost as the broker restarted.
                "max.poll.interval.ms": 120_000,
                "enable.partition.eof": True,  # tells the end also where control records or compaction leave holes
                "fetch.wait.max.ms": 100,
                "fetch.max.bytes": 2 * 1024 * 1024,  # it is packed: what compresses well becomes hundreds of times that
                "queued.min.messages": 20_000,
                "topic.metadata.refresh.interval.ms": 30_000,
                **(client_config or {}),
            },
            logger=log,
        )

    @property
    def assignment(self) -> frozenset[Partition]:
        """The partitions that are ours now."""
        return frozenset(self._lanes)

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """The next records in the order of time, at most `max_records`; blocks for up to `timeout` seconds.

        Returns early with what there is once every partition is at its end or out of patience, or there is much of it.

        Raises:
            OffsetLost: the broker no longer holds the place where this group goes on.
            Retry: the broker refused in a way that a new connection may cure.
        """
        deadline = time.monotonic() + timeout
        if not self._has_joined:
            self._consumer.subscribe(self._topics, on_assign=self._gain, on_revoke=self._lose, on_lost=self._lost)
            self._has_joined = True
        self._fetch(0.0)
        released: list[Record] = []
        self._room = MAX_BYTES_AT_ONCE
        while True:
            holds_until = self._release(released, max_records)
            now = time.monotonic()
            is_full = len(released) >= max_records or self._room <= 0
            if is_full or now >= deadline or (released and holds_until is None):
                if not released:
                    self.commit({})  # what a re-forming group refused; nothing else may ever come to take it along
                return released
            self._fetch(min(deadline, holds_until or deadline) - now)

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Record, for each partition, the next offset to read. Blocks until the broker has it.

        While the group re-forms, a position stays pending and goes with the next commit, or with the next poll that
        has nothing to release; one whose partition moved away is dropped, and its new owner reads those records again.
        """
        self._uncommitted.update({at: offset for at, offset in positions.items() if at in self._lanes})
        if not self._uncommitted:
            return
        try:
            self._consumer.commit(
                offsets=[TopicPartition(*at, offset) for at, offset in self._uncommitted.items()], asynchronous=False
            )
        except KafkaException as error:
            if error.args[0].code() not in _REBALANCING:
                raise Retry(f"group {self._group}: the commit failed: {error.args[0].str()}") from error
            log.info("group %s: commit waits for the group to re-form: %s", self._group, error.args[0].str())
        else:
            self._uncommitted.clear()

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on at `offset` of an assigned partition; what was buffered of it is dropped."""
        lane = self._lanes[topic, partition]
        lane.buffer.clear()
        lane.size = 0
        lane.position = offset
        lane.starved_since = None
        if (topic, partition) in self._uncommitted:
            self._uncommitted[topic, partition] = offset
        if (topic, partition) not in self._starting:
            self._consumer.seek(TopicPartition(topic, partition, offset))

    def beginning(self, topic: str, partition: int) -> int:
        """The earliest offset that the broker holds of a partition. Blocks for two round trips."""
        at = TopicPartition(topic, partition)
        ((low, _),) = self._ask(lambda: ends(self._consumer, [at], QUERY_SECONDS))
        return low

    def lag(self) -> int:
        """Records of our partitions that `poll` has not released yet, by the newest watermarks seen."""
        for at, lane in self._lanes.items():
            self._refresh_end(at, lane)
        return sum(max(0, lane.end - lane.next_offset) for lane in self._lanes.values())

    def close(self) -> None:
        """Leave the group. Commits nothing that `commit` was not given."""
        self._closing = True
        self._consumer.close()

    # Buffers

    def _fetch(self, timeout: float) -> None:
        """Move what the client has received into the buffers; waits up to `timeout` seconds for the first."""
        messages: list[Any] = []
        self._gained.clear()
        if timeout > 0:
            first = self._consumer.poll(timeout)
            if first is None:
                return
            messages.append(first)
        messages += self._consumer.consume(FETCH_RECORDS, 0)
        if self._gained:
            messages = self._without_leftovers(messages)
        for message in messages:
            error = message.error()
            if error is not None:
                self._note(error, message)
                continue
            lane = self._lanes.get((message.topic(), message.partition()))
            if lane is not None and message.offset() >= lane.position:
                lane.position = message.offset() + 1
                lane.put(record_of(message))
                lane.starved_since = None
        self._hold_back_the_full()

    def _without_leftovers(self, messages: list[Any]) -> list[Any]:
        """What came for partitions that stayed ours; one that was gained meanwhile is read again from its start.

        One list may hold messages from before a partition was lost and after it came back. The first lie behind
        records that were buffered, lost with the partition, and are still to come.
        """
        unsure = self._gained & {(message.topic(), message.partition()) for message in messages}
        if unsure:
            again = [TopicPartition(*at, self._lanes[at].position) for at in unsure]
            self._consumer.incremental_unassign(again)
            self._consumer.incremental_assign(again)
        return [message for message in messages if (message.topic(), message.partition()) not in unsure]

    def _hold_back_the_full(self) -> None:
        lanes = max(1, len(self._lanes))
        share, bytes_share = max(1, self._max_buffered // lanes), MAX_BUFFERED_BYTES // lanes
        for at, lane in self._lanes.items():
            if not lane.paused and (len(lane.buffer) >= share or lane.size >= bytes_share):
                self._consumer.pause([TopicPartition(*at)])
                lane.paused = True
            elif lane.paused and len(lane.buffer) <= share // 2 and lane.size <= bytes_share // 2:
                self._consumer.resume([TopicPartition(*at)])
                lane.paused = False

    def _release(self, released: list[Record], max_records: int) -> float | None:
        """Append the smallest records to `released`.

        Returns when a partition that now holds the others back loses its say (monotonic seconds), or None if nothing
        is held back.
        """
        heads = []
        for at, lane in self._lanes.items():
            if lane.buffer:
                heads.append((lane.buffer[0].timestamp_ms, at, lane))
            elif (until := self._holds_until(at, lane)) is not None:
                return until
        heapify(heads)
        while heads and len(released) < max_records and self._room > 0:
            _, at, lane = heads[0]
            record = lane.take()
            self._room -= len(record.value)
            released.append(record)
            if lane.buffer:
                heapreplace(heads, (lane.buffer[0].timestamp_ms, at, lane))
            elif (until := self._holds_until(at, lane)) is not None:
                return until
            else:
                heappop(heads)
        return None

    def _holds_until(self, at: Partition, lane: _Lane) -> float | None:
        """Until when an empty lane holds the others back; None if it is at its end or out of patience."""
        self._refresh_end(at, lane)
        if lane.position >= lane.end:
            lane.starved_since = None
            return None
        now = time.monotonic()
        if lane.starved_since is None:
            lane.starved_since = now
        until = lane.starved_since + self._patience
        return until if now < until else None

    def _refresh_end(self, at: Partition, lane: _Lane) -> None:
        _, high = self._consumer.get_watermark_offsets(TopicPartition(*at), cached=True)
        lane.end = max(lane.end, high)

    def _note(self, error: KafkaError, message: Any) -> None:
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            lane = self._lanes.get((message.topic(), message.partition()))
            if lane is not None:
                lane.position = max(lane.position, message.offset())
        elif code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise OffsetLost(self._lost_place(message.topic(), message.partition(), message.offset(), error.str()))
        elif code == KafkaError._FATAL:  # as of a static member whose place another has taken; `fatal()` denies it here
            raise Retry(f"group {self._group}: the consumer failed for good: {error.str()}; restart the process")
        else:
            log.warning("group %s: %s", self._group, error.str())

    # The group

    _starting: frozenset[Partition] = frozenset()
    _closing = False

    def _gain(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._closing:
            return  # the client gives back at once what the group had still in mind for it
        gained = [(each.topic, each.partition) for each in partitions]
        self._lanes.update(self._start(consumer, partitions))
        self._gained.update(gained)
        if self._on_assigned is not None:
            self._starting = frozenset(gained)
            try:
                self._on_assigned(gained)
            finally:
                self._starting = frozenset()
        consumer.incremental_assign([TopicPartition(*at, self._lanes[at].position) for at in gained])

    def _start(self, consumer: Consumer, partitions: list[TopicPartition]) -> dict[Partition, _Lane]:
        """Where each partition begins: at its committed offset, else at its earliest record."""
        lanes = {}
        committed = self._ask(lambda: consumer.committed(partitions, timeout=QUERY_SECONDS)) if partitions else []
        held = self._ask(lambda: ends(consumer, committed, QUERY_SECONDS))
        for each, (low, high) in zip(committed, held, strict=True):
            next_ = each.offset if each.offset != _UNKNOWN else None
            known = self._reached(each.topic, each.partition) if next_ is None else next_
            if known is not None and not low <= known <= high:
                raise OffsetLost(self._lost_place(each.topic, each.partition, known, f"it holds {low} to {high}"))
            if next_ is None:  # committed like any other, so that nobody asks about this partition again
                next_ = self._uncommitted[each.topic, each.partition] = low
            lanes[each.topic, each.partition] = _Lane(next_, high)
        return lanes

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        return answered(question, f"group {self._group}: where to start is unknown", QUERY_SECONDS)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._on_revoked is not None:
            self._on_revoked([(each.topic, each.partition) for each in partitions])
        self.commit({})  # what is pending of them must go now
        self._forget(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Others own these partitions already, so that nothing may be committed for them."""
        if self._on_revoked is not None:
            self._on_revoked([(each.topic, each.partition) for each in partitions])
        self._forget(consumer, partitions)

    def _forget(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._lanes.pop((each.topic, each.partition), None)
            self._uncommitted.pop((each.topic, each.partition), None)
            self._gained.discard((each.topic, each.partition))
        consumer.incremental_unassign(partitions)

    def _lost_place(self, topic: str, partition: int, offset: int, held: str) -> str:
        return (
            f"group {self._group} goes on at {topic}/{partition} offset {offset}, but the broker does not hold it "
            f"({held}). Records were deleted before they were read, or the topic was made anew. "
            "Replay the lost range or reset the group's offsets on purpose."
        )
