"""The broker dies, hangs, reshuffles its groups or forgets: the workers lose, double and guess nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from ingestion.app import INGESTION_GROUP
from ingestion.contracts.raw import EVENTS_TOPIC, RAW_TOPICS
from ingestion.errors import OffsetLost
from ingestion.kafka import AlignedConsumer, DurableProducer, create_topics, partition_for
from leadline.broker import KafkaBroker
from tests.conftest import tries, wait_until
from tests.faults.plant import INGESTING, TIMEOUT, Plant, pause
from tests.ingestion.test_worker import Stage

pytestmark = TIMEOUT

HANGS_SECONDS = 8  # longer than a session: the broker, when it goes on, has lost its members


def killed(broker: KafkaBroker) -> None:
    broker.kill()
    pause(1)
    broker.start()


def restarted(broker: KafkaBroker) -> None:
    broker.stop()
    broker.start()


def hung(broker: KafkaBroker) -> None:
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    pause(HANGS_SECONDS)
    os.kill(broker.pid, signal.SIGCONT)


@pytest.mark.parametrize("seed", range(tries(1)))
@pytest.mark.parametrize("fault", [killed, restarted, hung])
def test_workers_outlive_their_broker(
    fault: Callable[[KafkaBroker], None], seed: int, broker: KafkaBroker, tmp_path: Path
) -> None:
    plant = Plant(broker.bootstrap_servers, tmp_path / "home", INGESTING, seed)

    def happening(plant: Plant) -> None:
        plant.wait_for_members("ingest-1")
        pause(plant.chance.uniform(0.1, 1.0))
        fault(broker)

    plant.endure(happening)
    plant.check()


@pytest.mark.parametrize("seed", range(tries(1)))
def test_members_that_come_and_go_each_second_hold_nobody_up(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    plant = Plant(empty_kafka, tmp_path, INGESTING, seed)

    def storm(plant: Plant) -> None:
        plant.wait_for_members("ingest-1")
        for _ in range(5):
            passer_by = AlignedConsumer(
                empty_kafka, INGESTION_GROUP, list(RAW_TOPICS)
            )  # takes partitions, does nothing
            passer_by.poll(1, 1)
            passer_by.close()

    plant.endure(storm)
    plant.check()


@pytest.fixture
def stage(empty_kafka: str, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(empty_kafka, f"sqlite:///{tmp_path}/leadline.db")
    yield stage
    stage.close()


def _visits(stage: Stage, count: int) -> None:
    """To one partition."""
    for _ in range(count):
        stage.raw.visit("one cookie")
    stage.raw.producer.flush()


def _delete(stage: Stage, below: int) -> None:
    place = TopicPartition("raw.product", partition_for("one cookie", 2), below)
    admin = AdminClient({"bootstrap.servers": stage.bootstrap})
    admin.delete_records([place])[place].result(30)


def test_messages_that_were_deleted_before_they_were_read_stop_the_worker(stage: Stage) -> None:
    _visits(stage, 5)
    stage.work()
    _visits(stage, 5)
    _delete(stage, below=8)
    with pytest.raises(OffsetLost, match="offset 5, but the broker does not hold it"):
        stage.work()
    assert len(stage.read(EVENTS_TOPIC)) == 5


def _read_on(consumer: AlignedConsumer) -> None:
    for _ in range(600):
        consumer.poll(100, 0.1)


def test_messages_that_are_deleted_while_the_worker_is_behind_stop_it(stage: Stage) -> None:
    _visits(stage, 5)
    consumer = AlignedConsumer(stage.bootstrap, "slow", ["raw.product"], max_buffered=1)
    try:
        wait_until(lambda: bool(consumer.poll(1, 0.5)), "the consumer to begin")
        _visits(stage, 50_000)
        _delete(stage, below=50_000)
        with pytest.raises(OffsetLost, match="Records were deleted before they were read"):
            _read_on(consumer)
    finally:
        consumer.close()


def test_a_topic_that_was_made_anew_is_no_place_to_go_on(stage: Stage) -> None:
    """Its offsets begin again, and whoever knows the old ones would take new messages for repetitions."""
    _visits(stage, 5)
    stage.work()
    admin = AdminClient({"bootstrap.servers": stage.bootstrap})
    admin.delete_topics(["raw.product"])["raw.product"].result(30)
    create_topics(stage.bootstrap, {"raw.product": 2})
    stage.raw.producer.close()
    stage.raw.producer = DurableProducer(stage.bootstrap)
    _visits(stage, 3)
    with pytest.raises(OffsetLost, match="or the topic was made anew"):
        stage.work()
