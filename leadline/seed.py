"""Publish the demo company's messages to the raw topics, remembering where each one came to lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import track

from ingestion.kafka import DurableProducer, partition_count, partition_for
from ingestion.settings import PlatformSettings
from leadline.company import RawOut, generate

Coordinates = tuple[str, int, int]  # topic, partition, offset


class Publisher:
    """The only writer of fresh raw topics, so that it knows every offset without waiting for the broker."""

    def __init__(self, settings: PlatformSettings) -> None:
        self._bootstrap = settings.kafka_bootstrap_servers
        self._producer = DurableProducer(self._bootstrap)
        self._partitions: dict[str, int] = {}
        self._next: Counter[tuple[str, int]] = Counter()

    def publish(self, message: RawOut) -> Coordinates:
        """Queue one message and say where it will lie. Blocks only while the queue is full."""
        topic = message.topic
        if topic not in self._partitions:
            self._partitions[topic] = partition_count(self._bootstrap, topic)
        partition = partition_for(message.key.decode("utf-8", "replace"), self._partitions[topic])
        self._producer.send(
            topic,
            partition=partition,
            key=message.key,
            value=message.value,
            headers=message.headers,
            timestamp_ms=int(message.received.timestamp() * 1000),
        )
        offset = self._next[topic, partition]
        self._next[topic, partition] += 1
        return topic, partition, offset

    def flush(self) -> None:
        """Wait until everything is on the broker."""
        self._producer.flush()

    def close(self) -> None:
        """Stop."""
        self._producer.close()


def publish_all(publisher: Publisher, messages: Iterable[RawOut]) -> list[Coordinates]:
    """Publish in order and wait for the broker; the messages' coordinates in the same order."""
    coordinates = [publisher.publish(message) for message in messages]
    publisher.flush()
    return coordinates


def publish_year(settings: PlatformSettings, *, leads: int, seed: int, console: Console) -> None:
    """One year of the demo company, up to now."""
    company = generate(seed=seed, leads=leads, end=datetime.now(UTC))
    publisher = Publisher(settings)
    publish_all(publisher, track(company.messages, description="publishing", console=console))
    publisher.close()
    console.print(f"{len(company.messages):,} raw messages, {company.truth.totals['elements']:,} events published")
