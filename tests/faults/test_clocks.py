"""Workers whose clocks are wrong, or set back while they work: what events say of time decides, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import tries
from tests.faults.plant import EVERYTHING, TIMEOUT, Plant, pause
from tests.faults.workers import Clock

pytestmark = TIMEOUT
HOUR = timedelta(hours=1)
CLOCKS = {
    "an hour ahead": Clock(HOUR, HOUR),
    "an hour behind": Clock(-HOUR, -HOUR),
    "set back by two hours": Clock(HOUR, -HOUR),
}


@pytest.mark.parametrize("seed", range(tries(1)))
@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_a_workers_clock_changes_no_result(clock: Clock, seed: int, empty_kafka: str, tmp_path: Path) -> None:
    plant = Plant(empty_kafka, tmp_path, EVERYTHING, seed)
    live = [replace(message, headers=message.headers | {"imported": "false"}) for message in plant.company.messages]
    plant.company = replace(plant.company, messages=live)  # of history it is known without a clock when it was known
    plant.workers.clocks = {"ingest-1": clock, "features-1": clock}

    def restarts(plant: Plant) -> None:
        for name in ("features-1", "ingest-1"):  # what the new process goes on from was stamped by the old one's clock
            pause(plant.chance.uniform(0.5, 1.5))
            plant.workers.kill(name)
            plant.workers.start(name)

    plant.endure(restarts)
    plant.check()
