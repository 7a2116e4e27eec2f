"""The last resort for a machine with neither Java nor a cluster: librdkafka's in-process Kafka.

It speaks the real protocol on a real port, so the same clients connect to it. It is a demonstration aid and no broker:
it keeps only the newest few megabytes of a partition, loses everything when the process ends, does not know
`CreateTopics` (a topic appears with four partitions when it is first used) and has no log compaction.
"""

from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException, Producer, libversion


class MockCluster:
    """A one-node mock cluster that lives as long as this object, inside this process."""

    version = libversion()[0]

    def __init__(self) -> None:
        """Start it; does not block longer than two seconds.

        Raises:
            RuntimeError: librdkafka did not start its mock cluster.
        """
        # The cluster belongs to a client: it ends when the client that asked for it is closed or collected.
        # `log_level` silences the notice that bootstrap.servers is replaced, which is what is wanted here.
        self._owner: Producer | None = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 3}
        )
        try:
            nodes = self._owner.list_topics(timeout=2).brokers
        except KafkaException as error:
            raise RuntimeError(
                f"librdkafka's mock cluster did not answer within 2 s ({error}); "
                "install Java 17 and Maven to get a real broker, or set KAFKA_BOOTSTRAP_SERVERS"
            ) from error
        self.bootstrap_servers = ",".join(f"{node.host}:{node.port}" for node in nodes.values())

    def stop(self) -> None:
        """End the cluster; every client of it sees its connection closed. Repeating it does nothing."""
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
