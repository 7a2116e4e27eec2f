"""A disk that is full stops the workers, aloud; once there is space they go on, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from features.history import LEAD, HistoryRow, HistoryTable
from ingestion.errors import LakeUnwritable
from tests.conftest import tries, wait_until
from tests.faults.plant import EVERYTHING, TIMEOUT, Plant, pause
from tests.faults.small_disk import MB, SmallDisk, small_disk

pytestmark = TIMEOUT

LASTS_SECONDS = 30  # the traffic, so that there is always something to write


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with small_disk(128 * MB) as mounted:
        yield mounted


@pytest.mark.parametrize("seed", range(tries(1)))
def test_a_full_disk_under_every_store_costs_no_event_and_no_feature(
    seed: int, disk: SmallDisk, empty_kafka: str
) -> None:
    """On it lie SQLite's files, the online store's and who is who, and the lake's tables, the history among them."""
    plant = Plant(empty_kafka, disk.folder, EVERYTHING, seed, seconds=LASTS_SECONDS)

    def fault(plant: Plant) -> None:
        plant.wait_for_members("features-1")
        pause(plant.chance.uniform(0.2, 1.5))
        disk.fill()
        wait_until(lambda: bool(plant.workers.ended()), "somebody to notice that nothing can be written")
        pause(1.0)
        disk.make_room()

    plant.endure(fault)
    plant.check()


def test_a_history_that_cannot_be_written_names_itself_and_holds_nothing_of_what_was_tried(disk: SmallDisk) -> None:
    row = HistoryRow(LEAD, "ld_1", None, datetime(2026, 1, 1, tzinfo=UTC), 1, bytes(100), None, 0)
    path = disk.folder / "feature_history"
    table = HistoryTable(path)
    table.take_over(0)
    disk.fill()
    with pytest.raises(LakeUnwritable, match=r"feature_history.*No space left.*see that there is space"):
        table.append([row], {0: 5}, 1)
    disk.make_room()
    successor = HistoryTable(path)
    assert successor.take_over(0) == (None, [])
    successor.append([row], {0: 5}, 2)
    assert successor.take_over(0) == (5, [row])
