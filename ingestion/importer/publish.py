"""Messages to their raw topic, in order, from where an earlier run has ended.

Invariant: progress is noted behind what Kafka has acknowledged, never ahead of it. A crash costs at most
`SETTLE_MESSAGES` messages, which are then sent twice and dropped as duplicates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from ingestion.importer.message import Message
from ingestion.importer.progress import Digest, Progress, ProgressFile
from ingestion.kafka import DurableProducer

SETTLE_MESSAGES = 10_000
SETTLE_BYTES = 16 * 1024 * 1024

Messages = Callable[[], Iterator[Message]]  # the same ones in the same order every time
Acknowledged = Callable[[Mapping[int, int]], None]  # how many messages, by file


class Publisher:
    """Sends one import."""

    def __init__(
        self,
        producer: DurableProducer,
        topic: str,
        headers: Mapping[str, str],
        file: ProgressFile,
        *,
        before: Acknowledged,
        now: Acknowledged,
        settle_messages: int = SETTLE_MESSAGES,
    ) -> None:
        """Args:
        headers: of every message, besides its own.
        before: told what an earlier run has sent.
        now: told, time and again, what Kafka has acknowledged since it was last told.
        settle_messages: after how many messages Kafka is waited for.
        """
        self._producer, self._topic, self._headers, self._file = producer, topic, headers, file
        self._before, self._now, self._settle_messages = before, now, settle_messages
        self._sent, self._digest = 0, Digest()
        self._unsettled: Counter[int] = Counter()

    def publish(self, messages: Messages) -> None:
        """Send what earlier runs have not sent. Blocks for acknowledgements. Raises `DeliveryFailed`."""
        rest, count, size = self._rest(messages), 0, 0
        self._note()  # a run after a crash must make the same messages of the same rows
        for message in rest:
            self._send(message)
            count, size = count + 1, size + len(message.value)
            if count == self._settle_messages or size > SETTLE_BYTES:
                self._settle()
                count, size = 0, 0
        self._settle()

    def _rest(self, messages: Messages) -> Iterator[Message]:
        """The messages behind those that are done; all of them, if the first ones are not the same as then."""
        done = self._file.done
        rest, skipped = messages(), Counter[int]()
        for message in islice(rest, done.sent):
            self._digest.add(message)
            skipped[message.file] += 1
        if done.sent and str(self._digest) != done.digest:
            self._digest = Digest()
            return messages()
        self._sent = done.sent
        self._before(skipped)
        return rest

    def _send(self, message: Message) -> None:
        self._producer.send(
            self._topic,
            key=message.key,
            value=message.value,
            headers={**self._headers, **message.headers},
            timestamp_ms=int(message.received.timestamp() * 1000) if message.imported else 0,
        )
        self._digest.add(message)
        self._sent += 1
        self._unsettled[message.file] += 1

    def _settle(self) -> None:
        self._producer.flush()
        self._note()
        self._now(self._unsettled)
        self._unsettled = Counter()

    def _note(self) -> None:
        self._file.save(Progress(self._file.done.began, self._sent, str(self._digest)))
