"""Decisions on the topic `decisions`: durable before they are answered."""

from __future__ import annotations

import asyncio

from ingestion.contracts.raw import DECISIONS_TOPIC
from ingestion.errors import DeliveryFailed
from ingestion.kafka import DurableProducer
from scoring.errors import NotRecorded


class KafkaRecorder:
    """Records on Kafka, keyed by lead, acknowledged by every in-sync replica."""

    def __init__(self, producer: DurableProducer, timeout_seconds: float, topic: str = DECISIONS_TOPIC) -> None:
        """Give the producer a `linger_ms` of 0: each answer waits for its own acknowledgement."""
        self._producer = producer
        self._timeout = timeout_seconds
        self._topic = topic

    async def record(self, lead: str, body: bytes) -> None:
        """Return once the record is acknowledged; about 0.2 ms on a local broker.

        Raises:
            NotRecorded: refused, or not acknowledged in time. It may still arrive; nobody was told of it.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._producer.send_acknowledged(self._topic, key=lead, value=body)
        except (DeliveryFailed, TimeoutError) as error:
            raise NotRecorded(
                f"the decision about {lead} was not acknowledged within {self._timeout:g} s ({error}); "
                "it was not answered. Look at the brokers."
            ) from error
