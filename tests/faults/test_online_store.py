"""Redis forgets, hangs, refuses or is out of reach under real workers: in the end all is served as if it had not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from features.rebuild import rebuild
from features.settings import history_of
from features.store import OnlineStore
from tests.conftest import tries
from tests.faults.plant import EVERYTHING, TIMEOUT, Plant, pause
from tests.faults.slow_link import Link, link_to
from tests.redis_process import RedisProcess

pytestmark = TIMEOUT

BLOWS = 2
LATENCY = 0.2  # seconds


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path) as running:
        yield running


@pytest.fixture
def link(redis: RedisProcess) -> Iterator[Link]:
    with link_to(redis.port) as between:
        yield between


def strike(redis: RedisProcess, link: Link, how: str) -> None:
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
        case "full":  # refuses what is new, as it is set up; one that would drop rows is not worked with
            redis.client.config_set("maxmemory", "1")
            pause(1.0)
            redis.client.config_set("maxmemory", "0")
        case "out of reach":
            link.delay = LATENCY
            pause(0.5)
            link.delay = 0.0
            for _ in range(10):
                link.cut()
                pause(0.05)


@pytest.mark.parametrize("how", ["emptied", "killed", "paused", "full", "out of reach"])
@pytest.mark.parametrize("seed", range(tries(1)))
def test_a_redis_that_forgets_hangs_or_refuses_under_load_costs_no_feature(
    seed: int, how: str, redis: RedisProcess, link: Link, empty_kafka: str, tmp_path: Path
) -> None:
    plant = Plant(empty_kafka, tmp_path / "home", EVERYTHING, seed=seed, online_store=f"127.0.0.1:{link.port},db=0")

    def fault(plant: Plant) -> None:
        plant.wait_for_members("features-1")
        for _ in range(BLOWS):
            pause(plant.chance.uniform(0.2, plant.seconds / BLOWS))
            strike(redis, link, how)
            plant.workers.tend()

    plant.endure(fault)
    online = OnlineStore.open(plant.settings)
    if not online.is_whole():  # the workers were stopped before they had mended it
        rebuild(history_of(plant.settings), online)
    plant.check()
