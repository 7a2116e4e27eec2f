"""Redis is emptied, killed and paused under real workers: in the end everything is served as if it had not been."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from features.rebuild import rebuild
from features.store import OnlineStore
from tests.conftest import tries
from tests.faults.plant import EVERYTHING, TIMEOUT, Plant, pause
from tests.redis_process import RedisProcess

pytestmark = TIMEOUT

BLOWS = 3


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as running:
        yield running


def strike(redis: RedisProcess, how: str) -> None:
    """One blow."""
    match how:
        case "emptied":
            redis.client.flushall()
        case "killed":
            redis.kill()
            redis.start()
        case "paused":
            redis.pause()
            pause(1.0)
            redis.go_on()


@pytest.mark.parametrize("how", ["emptied", "killed", "paused"])
@pytest.mark.parametrize("seed", range(tries(1)))
def test_a_redis_that_forgets_or_hangs_under_load_costs_no_feature(
    seed: int, how: str, redis: RedisProcess, empty_kafka: str, tmp_path: Path
) -> None:
    plant = Plant(empty_kafka, tmp_path / "home", EVERYTHING, seed=seed, online_store=redis.address)

    def fault(plant: Plant) -> None:
        plant.wait_for_members("features-1")
        for _ in range(BLOWS):
            pause(plant.chance.uniform(0.2, plant.seconds / BLOWS))
            strike(redis, how)

    plant.endure(fault)
    online = OnlineStore.open(plant.settings)
    if not online.is_whole():  # the workers were stopped before they had mended it
        rebuild(plant.settings.lake.absolute(), online)
    plant.check()
