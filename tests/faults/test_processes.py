"""Whichever process is killed, paused or replaced, each element has its one effect: compared with the truth."""

from __future__ import annotations

import inspect
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import features.worker
import ingestion.worker
from tests.conftest import tries
from tests.faults.plant import EVERYTHING, INGESTING, TIMEOUT, TWO_INGESTING, Plant, pause
from tests.faults.workers import KilledAt

pytestmark = TIMEOUT

CRASH_POINTS = {
    role: re.findall(r'_crash_point\("(\w+)"\)', inspect.getsource(worker))
    for role, worker in (("ingest", ingestion.worker), ("features", features.worker))
}
SESSION_SECONDS = 6  # of a member of the groups that nobody hears from


def unharmed(plant: Plant) -> None:
    pass


def killed_at_every_crash_point(role: str) -> Callable[[Plant], None]:
    def fault(plant: Plant) -> None:
        name, points = f"{role}-1", CRASH_POINTS[role]
        plant.workers.kill(name)
        for point in plant.chance.sample(points, len(points)):
            plant.workers.start(name, KilledAt(point, plant.chance.randint(1, 3)))
            plant.workers.wait_killed(name)
        plant.workers.start(name)

    return fault


def anything_killed(plant: Plant) -> None:
    for _ in range(plant.chance.randint(3, 5)):
        pause(plant.chance.uniform(0.05, 1.5))
        victim = plant.chance.choice(plant.names)
        plant.workers.kill(victim)
        plant.workers.start(victim)


def one_paused(role: str) -> Callable[[Plant], None]:
    """Taken for dead and its partitions given away, it wakes up with work in its hands."""

    def fault(plant: Plant) -> None:
        pause(plant.chance.uniform(0.3, 1.5))
        plant.workers.send(f"{role}-1", signal.SIGSTOP)
        if f"{role}-2" not in plant.names:
            plant.workers.start(f"{role}-2")
        pause(SESSION_SECONDS + plant.chance.uniform(1, 3))
        plant.workers.send(f"{role}-1", signal.SIGCONT)

    return fault


def replaced_while_paused(role: str) -> Callable[[Plant], None]:
    """A scheduler that lost sight of its machine starts a worker of the same name."""

    def fault(plant: Plant) -> None:
        pause(plant.chance.uniform(0.3, 1.5))
        plant.workers.send(f"{role}-1", signal.SIGSTOP)
        plant.workers.start(f"{role}-1")
        pause(2)
        plant.workers.send(f"{role}-1", signal.SIGCONT)

    return fault


def all_paused(plant: Plant) -> None:
    pause(plant.chance.uniform(0.3, 1.5))
    for what, seconds in ((signal.SIGSTOP, SESSION_SECONDS + 2), (signal.SIGCONT, 0)):
        for name in plant.workers.names():
            plant.workers.send(name, what)
        pause(seconds)


def rolling_restart(plant: Plant) -> None:
    for name in plant.names:
        plant.wait_for_members(name)
        plant.workers.stop_one(name)
        plant.workers.start(name)


def _endure(
    fault: Callable[[Plant], None], bootstrap: str, home: Path, names: tuple[str, ...], seed: int, seconds: float = 3.0
) -> None:
    plant = Plant(bootstrap, home, names, seed, seconds=seconds)
    plant.endure(fault)
    plant.check()


def test_an_undisturbed_run_agrees_with_the_oracle(empty_kafka: str, tmp_path: Path) -> None:
    _endure(unharmed, empty_kafka, tmp_path, EVERYTHING, 0)


@pytest.mark.parametrize("seed", range(tries(2)))
def test_a_worker_may_be_killed_at_every_crash_point(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    assert len(CRASH_POINTS["ingest"]) >= 4
    _endure(killed_at_every_crash_point("ingest"), empty_kafka, tmp_path, INGESTING, seed)


@pytest.mark.parametrize("seed", range(tries(1)))
def test_a_feature_worker_may_be_killed_at_every_crash_point(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    """Whatever it had done of a micro-batch, its history has one row for each that was served."""
    assert len(CRASH_POINTS["features"]) >= 4
    # Long enough that there is always another batch for it to die in.
    _endure(killed_at_every_crash_point("features"), empty_kafka, tmp_path, EVERYTHING, seed, seconds=15)


@pytest.mark.parametrize("seed", range(tries(6)))
def test_any_process_may_be_killed_at_any_moment(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    _endure(anything_killed, empty_kafka, tmp_path, EVERYTHING, seed)


@pytest.mark.parametrize("seed", range(tries(1)))
@pytest.mark.parametrize("role", ["ingest", "features", "lake"])
def test_a_worker_that_was_given_up_comes_back_and_does_no_harm(
    role: str, seed: int, empty_kafka: str, tmp_path: Path
) -> None:
    _endure(one_paused(role), empty_kafka, tmp_path, EVERYTHING, seed)


@pytest.mark.parametrize("seed", range(tries(1)))
@pytest.mark.parametrize("role", ["ingest", "features", "lake"])
def test_a_replaced_worker_that_comes_back_does_no_harm(role: str, seed: int, empty_kafka: str, tmp_path: Path) -> None:
    _endure(replaced_while_paused(role), empty_kafka, tmp_path, EVERYTHING, seed)


@pytest.mark.parametrize("seed", range(tries(1)))
def test_a_group_that_is_paused_as_a_whole_goes_on(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    _endure(all_paused, empty_kafka, tmp_path, TWO_INGESTING, seed)


@pytest.mark.parametrize("seed", range(tries(1)))
def test_a_rolling_restart_under_load_loses_nothing(seed: int, empty_kafka: str, tmp_path: Path) -> None:
    _endure(rolling_restart, empty_kafka, tmp_path, (*EVERYTHING, "ingest-2"), seed)
