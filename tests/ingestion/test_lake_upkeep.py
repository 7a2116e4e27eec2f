"""The lake stays small in files, whatever happens to whoever merges them, and no row changes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from ingestion import lake_upkeep
from ingestion.lake import EventsTable, events_path, read_events
from ingestion.lake_upkeep import LOOK_EVERY, PROPERTIES, TIERS, Tier
from ingestion.lake_writer import LakeWriter
from tests.ingestion.test_lake import event, records

LEFT_ALONE = TIERS[0].left_alone
COMMITS = 3 * LEFT_ALONE
CHECKPOINT_EVERY = 100  # versions: delta-rs's own, if the table says nothing


def append(writer: LakeWriter, numbers: range, stream: int = 0) -> None:
    """One commit for each number."""
    for number in numbers:
        writer.append(records([event(number, f"ld_{number % 7}", stream=stream)], partition=stream))


def files(lake: Path) -> int:
    return len(DeltaTable(str(events_path(lake))).file_uris())


def on_disk(lake: Path) -> int:
    return len(list(events_path(lake).glob("*.parquet")))


def numbers_in(lake: Path) -> list[int]:
    return [int(each.id.rpartition("-")[2]) for each in read_events(lake)]


def test_many_small_appends_leave_few_files_and_every_row_once(tmp_path: Path) -> None:
    append(LakeWriter(EventsTable(tmp_path)), range(COMMITS))
    assert files(tmp_path) <= LEFT_ALONE + LOOK_EVERY
    again = LakeWriter(EventsTable(tmp_path))  # which knows from the table alone what has been appended
    assert again.append(records([event(number) for number in range(COMMITS)])) == 0
    assert numbers_in(tmp_path) == list(range(COMMITS))


def test_merged_files_are_merged_again_until_they_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = 8_000  # bytes of a file of one event, at most
    tiers = (Tier(0, 2 * one, 8, 4 * one), Tier(2 * one, 1 << 20, 4, 1 << 20))
    monkeypatch.setattr(lake_upkeep, "TIERS", tiers)
    monkeypatch.setattr(lake_upkeep, "LOOK_EVERY", 4)
    append(LakeWriter(EventsTable(tmp_path)), range(COMMITS))
    assert files(tmp_path) <= sum(tier.left_alone for tier in tiers) + 4
    assert numbers_in(tmp_path) == list(range(COMMITS))


def test_a_writer_that_is_restarted_all_the_time_merges_too(tmp_path: Path) -> None:
    for start in range(0, COMMITS, 8):
        append(LakeWriter(EventsTable(tmp_path)), range(start, start + 8))
    assert files(tmp_path) <= LEFT_ALONE + LOOK_EVERY


def test_who_opened_the_table_before_a_merge_reads_on(tmp_path: Path) -> None:
    writer = LakeWriter(EventsTable(tmp_path))
    append(writer, range(LEFT_ALONE))
    before = DeltaTable(str(events_path(tmp_path))).to_pyarrow_dataset()
    append(writer, range(LEFT_ALONE, COMMITS))
    assert files(tmp_path) < COMMITS
    assert before.to_table().num_rows == LEFT_ALONE


def test_replaced_files_are_deleted_when_nobody_may_read_them_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_upkeep, "KEPT", timedelta(0))
    monkeypatch.setitem(PROPERTIES, "delta.deletedFileRetentionDuration", "interval 0 seconds")
    monkeypatch.setattr(lake_upkeep, "SWEEP_EVERY", timedelta(0))
    writer = LakeWriter(EventsTable(tmp_path))
    append(writer, range(COMMITS))
    assert on_disk(tmp_path) <= LEFT_ALONE + LOOK_EVERY
    assert numbers_in(tmp_path) == list(range(COMMITS))


def test_files_that_a_killed_writer_left_are_deleted_after_a_day(tmp_path: Path) -> None:
    writer = LakeWriter(EventsTable(tmp_path))
    yesterday = time.time() - 2 * 86_400
    for name, written in (("left.parquet", yesterday), ("being-written.parquet", time.time())):
        (events_path(tmp_path) / name).write_bytes(b"half a file")
        os.utime(events_path(tmp_path) / name, (written, written))
    append(writer, range(LOOK_EVERY))
    assert not (events_path(tmp_path) / "left.parquet").exists()
    assert (events_path(tmp_path) / "being-written.parquet").exists()


def test_the_log_does_not_grow_and_who_opened_the_table_long_ago_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.lake.VERSIONS_KEPT", timedelta(0))
    writer, idle = LakeWriter(EventsTable(tmp_path)), LakeWriter(EventsTable(tmp_path))
    opened = DeltaTable(str(events_path(tmp_path)))
    append(writer, range(3 * CHECKPOINT_EVERY))
    assert len(list((events_path(tmp_path) / "_delta_log").glob("*.json"))) < 2 * CHECKPOINT_EVERY
    opened.update_incremental()
    assert opened.to_pyarrow_dataset().count_rows() == 3 * CHECKPOINT_EVERY
    append(idle, range(3 * CHECKPOINT_EVERY + 1))  # all of them again, and one that is new
    assert numbers_in(tmp_path) == list(range(3 * CHECKPOINT_EVERY + 1))


def test_writers_that_merge_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def work(stream: int) -> None:
        try:
            append(LakeWriter(EventsTable(tmp_path)), range(COMMITS), stream)
        except BaseException as error:  # noqa: BLE001  # the test's own thread must hear of it
            failed.append(error)

    EventsTable(tmp_path)
    threads = [threading.Thread(target=work, args=(stream,)) for stream in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(numbers_in(tmp_path)) == sorted([*range(COMMITS)] * 2)
    assert files(tmp_path) <= LEFT_ALONE + 2 * LOOK_EVERY


CHILD = """
import sys
from pathlib import Path
from deltalake.table import TableOptimizer
from ingestion import lake_upkeep
from ingestion.lake import EventsTable
from ingestion.lake_writer import LakeWriter
from tests.ingestion.test_lake_upkeep import append

compact = TableOptimizer.compact
def told(*args, **options):
    print("merging", flush=True)
    compact(*args, **options)
    print("merged", flush=True)
TableOptimizer.compact = told
lake_upkeep.TIERS, lake_upkeep.LOOK_EVERY = [lake_upkeep.Tier(0, 1 << 20, 8, 1 << 20)], 8
append(LakeWriter(EventsTable(Path(sys.argv[1]))), range(10_000))
"""


def test_kill_nine_while_merging_loses_nothing(tmp_path: Path) -> None:
    killed_within = 0
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "merging\n"
        child.kill()
        killed_within += "merged" not in child.stdout.read()
        child.wait()
        child.stdout.close()
        found = numbers_in(tmp_path)
        assert found == list(range(len(found)))
    assert killed_within >= 2
    last = len(numbers_in(tmp_path))
    append(LakeWriter(EventsTable(tmp_path)), range(last + COMMITS))  # a new writer goes on, and merges
    assert numbers_in(tmp_path) == list(range(last + COMMITS))
    assert files(tmp_path) <= LEFT_ALONE + LOOK_EVERY
