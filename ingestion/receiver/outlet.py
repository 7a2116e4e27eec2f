"""From the receiver to Kafka: each request waits for its own acknowledgement."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.kafka import AcknowledgingProducer

GIVE_UP_MS = 3_500  # less than the 4 to 5 s that senders wait for an answer
LINGER_MS = 1.0  # deliveries of one millisecond share a request to the broker


class KafkaOutlet:
    """Appends to the raw topics."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AcknowledgingProducer(bootstrap, give_up_ms=GIVE_UP_MS, linger_ms=LINGER_MS)

    async def append(self, topic: str, key: str | None, value: bytes, headers: Mapping[str, str]) -> None:
        """See `ingestion.receiver.asgi.Outlet.append`."""
        await self._producer.send(topic, key, value, headers)

    def ready(self) -> bool:
        """See `ingestion.receiver.asgi.Outlet.ready`."""
        return self._producer.reaches_the_broker()

    def close(self) -> None:
        """Stop; whoever still waits is told so."""
        self._producer.close()
