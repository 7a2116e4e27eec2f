"""A producer whose acknowledged messages are durable and whose order has no gap.

Invariant: what reached a partition is a prefix of what was sent to it. Readers skip a raw position at or below the
highest one they applied, so a lost message followed by a delivered one would be lost for ever: hence idempotence,
`enable.gapless.guarantee`, and messages that never time out on their own. Only `flush` has a deadline.

A broker that has nothing of a producer yet takes any of its batches for the first (until Kafka 4.5: KAFKA-15591). If it
refuses the first, as while a leader is elected, and then takes the second, which was on its way, the first is lost and
librdkafka reports it as delivered. So the first message to a partition is acknowledged before the second is sent, where
order is promised, and an acknowledgement counts only if it names the message's offset.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from ingestion.errors import DeliveryFailed
from ingestion.kafka.record import Partition

log = logging.getLogger(__name__)

ACKNOWLEDGEMENT = timedelta(seconds=60)
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_SERVE_EVERY = 500  # sends between two looks at what was acknowledged

Delivered = Callable[[KafkaError | None, Any], None]


def refusal(error: KafkaError | None, message: Any) -> str | None:
    """Why a delivery report is no proof that the brokers have the message; None if it is one."""
    if error is not None:
        return str(error.str())
    return None if message.offset() is not None else "a broker took what follows it for the first: it may be lost"


def durable_client(bootstrap: str, config: Mapping[str, Any]) -> Producer:
    """A client whose acknowledged messages every in-sync replica has, each once."""
    # lz4: measured against none, snappy and zstd on 540-byte events, the least CPU of those that halve the bytes.
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "message.max.bytes": MAX_MESSAGE_BYTES,
            # A leader that is told to be nobody, as while a broker restarts, is not asked for again before this.
            "topic.metadata.refresh.interval.ms": 10_000,
            "compression.type": "lz4",
            "log_level": 4,
            **config,
        },
        logger=_Quiet(log),
    )


def reaches_a_broker(client: Producer, patience: timedelta = timedelta(seconds=2)) -> bool:
    """Whether a broker answers in time. Blocks."""
    try:
        return bool(client.list_topics(timeout=patience.total_seconds()).brokers)
    except KafkaException:
        return False


class DurableProducer:
    """Sends to Kafka; `flush` returns only when everything sent is acknowledged by all in-sync replicas.

    After `DeliveryFailed` the process should end and start again from its committed offsets. Thread-safe.
    """

    def __init__(self, bootstrap: str, *, linger_ms: float = 5, client_config: Mapping[str, Any] | None = None) -> None:
        self._producer = durable_client(
            bootstrap,
            {
                "enable.gapless.guarantee": True,
                "message.timeout.ms": 0,
                "linger.ms": linger_ms,
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 256 * 1024,
                **(client_config or {}),
            },
        )
        self._failures: dict[str, str] = {}
        self._begun: set[Partition] = set()
        self._sent = 0
        self._pump: threading.Thread | None = None
        self._pump_lock = threading.Lock()
        self._closing = threading.Event()

    def send(
        self,
        topic: str,
        *,
        partition: int | None = None,
        key: bytes | str | None,
        value: bytes,
        headers: Mapping[str, str] | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Queue one message; a `timestamp_ms` of 0 is now. Order is promised to who names the partition.

        Blocks while the queue is full, and until the first message to a named partition is acknowledged.

        Raises:
            DeliveryFailed: an earlier message failed for good, the first was refused, or the queue stayed full.
        """
        if partition is not None and (topic, partition) not in self._begun:
            self.send_and_wait(
                topic, partition=partition, key=key, value=value, headers=headers, timestamp_ms=timestamp_ms
            )
            self._begun.add((topic, partition))
            return
        self._produce(topic, partition, key, value, headers, timestamp_ms, self._note)
        self._sent += 1
        if self._sent % _SERVE_EVERY == 0:
            self._producer.poll(0)

    def flush(self, patience: timedelta = ACKNOWLEDGEMENT) -> None:
        """Wait until everything sent is acknowledged.

        Raises:
            DeliveryFailed: a message was refused, or some are not acknowledged after `patience`; names the topics.
        """
        left = self._producer.flush(patience.total_seconds())
        if self._failures:
            told = "; ".join(f"topic {topic}: {reason}" for topic, reason in sorted(self._failures.items()))
            self._failures.clear()
            raise DeliveryFailed(f"Kafka refused messages: {told}. Restart from the committed offsets.")
        if left:
            raise DeliveryFailed(
                f"{left} messages are not acknowledged after {patience.total_seconds():.0f} s: "
                "look at the brokers' health and the topics' in-sync replicas."
            )

    def send_and_wait(
        self,
        topic: str,
        *,
        partition: int | None = None,
        key: bytes | str | None,
        value: bytes,
        headers: Mapping[str, str] | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send one message and block until it is acknowledged. Raises `DeliveryFailed`."""
        outcome: list[str | None] = []

        def delivered(error: KafkaError | None, message: Any) -> None:
            outcome.append(refusal(error, message))

        self._produce(topic, partition, key, value, headers, timestamp_ms, delivered)
        deadline = time.monotonic() + ACKNOWLEDGEMENT.total_seconds()
        while not outcome and time.monotonic() < deadline:
            self._producer.poll(0.1)
        if not outcome:
            raise DeliveryFailed(f"topic {topic}: not acknowledged after {ACKNOWLEDGEMENT.total_seconds():.0f} s")
        if outcome[0] is not None:
            raise DeliveryFailed(f"topic {topic}: {outcome[0]}")

    async def send_acknowledged(
        self,
        topic: str,
        *,
        partition: int | None = None,
        key: bytes | str | None,
        value: bytes,
        headers: Mapping[str, str] | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send one message and resume when it is acknowledged. Give the producer a `linger_ms` of 0 for this.

        Raises:
            DeliveryFailed: refused, or not acknowledged in time. It may still arrive.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[str | None] = loop.create_future()

        def settle(refused: str | None) -> None:
            if not outcome.done():
                outcome.set_result(refused)

        def delivered(error: KafkaError | None, message: Any) -> None:
            with suppress(RuntimeError):  # the loop ended before the broker answered: nobody waits any more
                loop.call_soon_threadsafe(settle, refusal(error, message))

        self._start_pump()
        self._produce(topic, partition, key, value, headers, timestamp_ms, delivered)
        try:
            refused = await asyncio.wait_for(outcome, ACKNOWLEDGEMENT.total_seconds())
        except TimeoutError:
            raise DeliveryFailed(
                f"topic {topic}: not acknowledged after {ACKNOWLEDGEMENT.total_seconds():.0f} s"
            ) from None
        if refused is not None:
            raise DeliveryFailed(f"topic {topic}: {refused}")

    def close(self) -> None:
        """Stop. What was not flushed may be lost, as after a crash; order still holds."""
        self._closing.set()
        if self._pump is not None:
            self._pump.join()
        # What is given up on its way breaks the promise of gapless order, which both calls tell; nothing follows it.
        with suppress(KafkaException):
            self._producer.purge()  # else closing waits for the broker, for ever if it is gone
            self._producer.poll(0)
        with suppress(KafkaException):
            self._producer.close()

    def _produce(
        self,
        topic: str,
        partition: int | None,
        key: bytes | str | None,
        value: bytes,
        headers: Mapping[str, str] | None,
        timestamp_ms: int,
        delivered: Delivered,
    ) -> None:
        deadline: float | None = None
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    -1 if partition is None else partition,
                    delivered,
                    timestamp=timestamp_ms,
                    headers=headers,
                )
                return
            except BufferError:
                now = time.monotonic()
                deadline = deadline or now + ACKNOWLEDGEMENT.total_seconds()
                if now > deadline:
                    raise DeliveryFailed(f"topic {topic}: the send queue stayed full; is the broker up?") from None
                self._producer.poll(0.05)
            except KafkaException as error:
                raise DeliveryFailed(f"topic {topic}: {error.args[0].str()}") from error

    def _note(self, error: KafkaError | None, message: Any) -> None:
        refused = refusal(error, message)
        if refused is not None:
            topic = None
            with suppress(SystemError):  # what the client hands on of a fatal refusal holds no topic
                topic = message.topic()
            self._failures.setdefault(topic or "(unknown)", refused)

    def _start_pump(self) -> None:
        """Acknowledgements reach coroutines by a thread of our own: nobody else calls `poll` in an event loop."""
        with self._pump_lock:
            if self._pump is None:
                self._pump = threading.Thread(target=self._serve, name="kafka-acknowledgements", daemon=True)
                self._pump.start()

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(0.1)


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """Without two notices that ask nothing of anybody.

    That the gapless guarantee is experimental: it is wanted, see the module's docstring. That a broker which has just
    started is asked again for a producer id.
    """

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        if not any("CONFWARN" in str(arg) or "GETPID" in str(arg) for arg in args):
            super().log(level, msg, *args, **kwargs)
