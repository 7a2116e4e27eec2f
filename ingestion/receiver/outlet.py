"""From the receiver to Kafka: each request waits for its own acknowledgement."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.kafka import DurableProducer

ACKNOWLEDGED_MS = 3_500  # less than the 4 to 5 s that senders wait for an answer


class KafkaOutlet:
    """Appends to the raw topics.

    Order needs no guarantee here, for nothing was promised to a sender that was not answered: a message that is not
    acknowledged in time is given up, and its sender told to send it again.
    """

    def __init__(self, bootstrap: str) -> None:
        timeouts = {"message.timeout.ms": ACKNOWLEDGED_MS, "enable.gapless.guarantee": False}
        self._producer = DurableProducer(bootstrap, linger_ms=0, client_config=timeouts)

    async def append(self, topic: str, key: str | None, value: bytes, headers: Mapping[str, str]) -> None:
        """See `ingestion.receiver.asgi.Outlet.append`."""
        await self._producer.send_acknowledged(topic, key=key, value=value, headers=headers)

    def ready(self) -> bool:
        """See `ingestion.receiver.asgi.Outlet.ready`."""
        return self._producer.reaches_the_broker()

    def close(self) -> None:
        """Stop; whoever still waits is told so."""
        self._producer.close()
