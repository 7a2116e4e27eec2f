"""A producer for an event loop that handles many requests at once, each of which waits for its own acknowledgement.

Acknowledgements are collected in the loop itself, every millisecond while one is missing. Measured against a thread
that hands each one to the loop: half the CPU time a message, for the thread and the loop fight for the interpreter.
A single caller that wants its answer within a millisecond is served better by `DurableProducer.send_acknowledged`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from ingestion.errors import DeliveryFailed
from ingestion.kafka.producer import durable_client, reaches_a_broker, refusal

COLLECT_SECONDS = 0.001


class AcknowledgingProducer:
    """Sends to Kafka from one event loop. What is not acknowledged in time is given up, and its sender told."""

    def __init__(self, bootstrap: str, *, give_up_ms: int, linger_ms: float) -> None:
        # No order is promised between requests, so a message that is given up leaves no gap that matters.
        self._producer = durable_client(
            bootstrap,
            {"message.timeout.ms": give_up_ms, "enable.gapless.guarantee": False, "linger.ms": linger_ms},
        )
        self._missing = 0
        self._collecting = False

    def send(self, topic: str, key: str | None, value: bytes, headers: Mapping[str, str]) -> asyncio.Future[None]:
        """Queue one message; the future is done when all in-sync replicas have it.

        It raises `DeliveryFailed` if they have not in time. The message may still arrive.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: KafkaError | None, message: Any) -> None:
            self._missing -= 1
            if done.done():  # nobody waits any more
                return
            refused = refusal(error, message)
            if refused is None:
                done.set_result(None)
            else:
                done.set_exception(DeliveryFailed(f"topic {topic}: {refused}"))

        try:
            self._producer.produce(topic, value, key, -1, settle, headers=headers)
        except BufferError:
            raise DeliveryFailed(f"topic {topic}: the send queue is full; is the broker up?") from None
        except KafkaException as error:
            raise DeliveryFailed(f"topic {topic}: {error.args[0].str()}") from error
        self._missing += 1
        if not self._collecting:
            self._collecting = True
            loop.call_later(COLLECT_SECONDS, self._collect, loop)
        return done

    def reaches_the_broker(self) -> bool:
        """Whether a broker answers within two seconds. Blocks."""
        return reaches_a_broker(self._producer)

    def close(self) -> None:
        """Stop; what is not acknowledged by now may be lost, and nobody was told that it is not."""
        self._producer.purge()
        self._producer.poll(0)
        self._producer.close()

    def _collect(self, loop: asyncio.AbstractEventLoop) -> None:
        self._producer.poll(0)
        self._collecting = self._missing > 0
        if self._collecting:
            loop.call_later(COLLECT_SECONDS, self._collect, loop)
