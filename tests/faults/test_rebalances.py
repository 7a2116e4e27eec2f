"""Partitions that move each second, while people turn out to be one: nothing is lost, doubled or held up."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ingestion.contracts.event import RecordKind
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import read_topic
from tests.conftest import tries
from tests.faults.plant import TIMEOUT, Plant, pause

pytestmark = TIMEOUT

TWO_FOLDING = ("ingest-1", "features-1", "features-2", "lake-1")
PASSERS_BY = 3  # workers that join, one after the other, and leave
UNTYING = ("sendgrid",)  # systems whose every message names one identifier


def ties(plant: Plant, number: int) -> bool:
    """Whether a message may say that two known people are one."""
    message = plant.company.messages[number]
    return message.headers["source-system"] not in UNTYING and b"@" in message.value


def passing_by(plant: Plant) -> None:
    """Every second somebody comes or goes, in order or not, and partitions with him."""
    for name in ("features-1", "features-2"):
        plant.wait_for_members(name)
    for number in range(PASSERS_BY):
        name = f"features-{3 + number}"
        plant.workers.start(name)
        pause(plant.chance.uniform(0.7, 1.3))
        victim = plant.chance.choice((name, "features-2"))
        if plant.chance.random() < 0.5:
            plant.workers.kill(victim)
        else:
            plant.workers.stop_one(victim)
        plant.workers.tend()


@pytest.mark.parametrize("seed", range(tries(1)))
def test_a_storm_of_merges_while_partitions_move_ends_in_the_right_features(
    seed: int, empty_kafka: str, tmp_path: Path
) -> None:
    """Everybody acts under many ids first; then, all at once, it is said who is who."""
    plant = Plant(empty_kafka, tmp_path, TWO_FOLDING, seed, seconds=8, live=True)
    plant.sending.sort(key=lambda number: ties(plant, number))
    plant.endure(passing_by)
    plant.check()
    kinds = Counter(record.headers["record"] for record in read_topic(plant.bootstrap, EVENTS_TOPIC))
    assert kinds[RecordKind.MERGE] > 20
    assert kinds[RecordKind.HANDOVER] > 5, "no state went from one worker to another"
