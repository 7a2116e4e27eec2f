"""The history holds each commit once, and fences whoever lost a partition."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from deltalake import DeltaTable
from deltalake.table import TableOptimizer

from features.definitions import LEAD_SCORING
from features.history import (
    ACCOUNT,
    LEAD,
    OUTBOX,
    HistoryRow,
    HistoryTable,
    ensure_history,
    read_history,
)
from ingestion import lake_upkeep
from ingestion.errors import Fenced
from tests.features.conftest import NOW


def row(
    key: str, sequence: int, *, entity: str = LEAD, partition: int = 0, known_at: datetime | None = None
) -> HistoryRow:
    """A row that became known `sequence` seconds from now."""
    known = known_at or NOW + timedelta(seconds=sequence)
    return HistoryRow(entity, key, None, known, sequence, f"{key}/{sequence}".encode(), None, partition)


def keys(lake: Path, entity: str = LEAD) -> list[tuple[str, int]]:
    """What the history holds, by knowledge time."""
    rows = read_history(lake, entity, ("key", "sequence")).to_pylist()
    return [(each["key"], each["sequence"]) for each in rows]


def test_nobody_owned_a_new_partition_before(tmp_path: Path) -> None:
    assert HistoryTable(tmp_path).take_over(0) == (None, [])


def test_who_takes_over_gets_the_last_offset_and_the_partitions_own_rows_of_the_last_commit(tmp_path: Path) -> None:
    first = HistoryTable(tmp_path)
    for partition in (0, 1):
        first.take_over(partition)
    outbox = row("ld_9", 7, entity=OUTBOX)
    first.append([row("ld_0", 1)], {0: 10}, stamp=1)
    first.append([row("ld_0", 2), outbox, row("ld_1", 1, partition=1)], {0: 20, 1: 4}, stamp=2)
    second = HistoryTable(tmp_path)
    offset, rows = second.take_over(0)
    assert offset == 20
    assert sorted(rows) == sorted([row("ld_0", 2), outbox])
    assert second.take_over(1) == (4, [row("ld_1", 1, partition=1)])


def test_a_batch_that_changes_nothing_moves_the_offset_and_keeps_the_last_rows_to_repeat(tmp_path: Path) -> None:
    table = HistoryTable(tmp_path)
    table.take_over(0)
    table.append([row("ld_0", 1)], {0: 1}, stamp=1)
    table.append([], {0: 9}, stamp=2)
    assert HistoryTable(tmp_path).take_over(0) == (9, [row("ld_0", 1)])


def test_whoever_lost_a_partition_commits_no_more(tmp_path: Path) -> None:
    first, second = HistoryTable(tmp_path), HistoryTable(tmp_path)
    for table in (first, second):
        table.take_over(0)
    second.append([row("ld_0", 1)], {0: 1}, stamp=1)
    with pytest.raises(Fenced, match="features/0/offset is at 1"):
        first.append([row("ld_0", 1)], {0: 1}, stamp=2)
    second.append([row("ld_0", 2)], {0: 2}, stamp=3)
    assert keys(tmp_path) == [("ld_0", 1), ("ld_0", 2)]


def test_who_lost_one_partition_goes_on_with_the_others_and_commits_no_more_for_that_one(tmp_path: Path) -> None:
    first, second = HistoryTable(tmp_path), HistoryTable(tmp_path)
    for partition in (0, 1):
        first.take_over(partition)
    first.append([row("ld_0", 1), row("ld_1", 1, partition=1)], {0: 1, 1: 1}, stamp=1)
    second.take_over(1)
    second.append([row("ld_1", 2, partition=1)], {1: 2}, stamp=2)
    for number in (2, 3):
        first.append([row("ld_0", number)], {0: number}, stamp=1 + number)
    with pytest.raises(Fenced, match="features/1/offset is at 2"):
        first.append([row("ld_1", 2, partition=1)], {1: 2}, stamp=9)
    assert sorted(keys(tmp_path)) == [("ld_0", 1), ("ld_0", 2), ("ld_0", 3), ("ld_1", 1), ("ld_1", 2)]


def test_a_row_for_a_partition_of_another_worker_is_refused_whatever_was_read(tmp_path: Path) -> None:
    table = HistoryTable(tmp_path)
    table.take_over(0)
    with pytest.raises(Fenced, match="features/1/stamp"):
        table.append([row("ld_1", 1, partition=1)], {0: 1}, stamp=1)
    table.let_go(0)
    with pytest.raises(Fenced, match="features/0/offset"):
        table.append([row("ld_0", 1)], {0: 1}, stamp=1)
    assert keys(tmp_path) == []


def test_workers_of_different_partitions_commit_side_by_side(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def work(partition: int) -> None:
        try:
            table = HistoryTable(tmp_path)
            table.take_over(partition)
            for sequence in range(1, 6):
                rows = [row(f"ld_{partition}", sequence, partition=partition)]
                table.append(rows, {partition: sequence}, stamp=sequence)
        except Exception as error:  # noqa: BLE001  # shown below
            failures.append(error)

    HistoryTable(tmp_path)
    threads = [threading.Thread(target=work, args=(partition,)) for partition in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(keys(tmp_path)) == [(f"ld_{partition}", each) for partition in range(3) for each in range(1, 6)]


def test_compaction_loses_no_row_and_fences_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_upkeep, "TIERS", (lake_upkeep.Tier(0, 1 << 20, 3, 1 << 20),))
    monkeypatch.setattr(lake_upkeep, "LOOK_EVERY", 3)
    tables = [HistoryTable(tmp_path), HistoryTable(tmp_path)]
    for partition, table in enumerate(tables):
        table.take_over(partition)
    for sequence in range(1, 8):
        for partition, table in enumerate(tables):
            rows = [row(f"ld_{partition}", sequence, partition=partition)]
            table.append(rows, {partition: sequence}, stamp=sequence)
    assert sorted(keys(tmp_path)) == [(f"ld_{partition}", each) for partition in (0, 1) for each in range(1, 8)]
    assert len(DeltaTable(str(tmp_path)).file_uris()) < 14
    assert HistoryTable(tmp_path).take_over(1) == (7, [row("ld_1", 7, partition=1)])


def test_who_lost_a_partition_while_merging_commits_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_upkeep, "TIERS", (lake_upkeep.Tier(0, 1 << 20, 3, 1 << 20),))
    monkeypatch.setattr(lake_upkeep, "LOOK_EVERY", 3)
    first, compact, merged = HistoryTable(tmp_path), TableOptimizer.compact, list[object]()
    first.take_over(0)

    def overtaken(self: TableOptimizer, **options: Any) -> dict[str, Any]:
        if not merged:
            second = HistoryTable(tmp_path)
            offset, _ = second.take_over(0)
            merged.append(offset)
            second.append([row("ld_0", 99)], {0: 99}, stamp=99)
        return cast(dict[str, Any], compact(self, **options))

    monkeypatch.setattr(TableOptimizer, "compact", overtaken)
    sequence = 0
    while not merged:
        sequence += 1
        first.append([row("ld_0", sequence)], {0: sequence}, stamp=sequence)
    assert merged == [sequence]
    with pytest.raises(Fenced, match="features/0/offset is at 99"):
        first.append([row("ld_0", sequence + 1)], {0: sequence + 1}, stamp=sequence + 1)
    assert keys(tmp_path) == [*(("ld_0", each) for each in range(1, sequence + 1)), ("ld_0", 99)]


def test_history_is_read_by_knowledge_time_and_by_entity(tmp_path: Path) -> None:
    table = HistoryTable(tmp_path)
    table.take_over(0)
    account = row("ac_1", 1, entity=ACCOUNT)
    table.append([row("ld_0", 3), row("ld_1", 1), account, row("ld_9", 1, entity=OUTBOX)], {0: 1}, stamp=1)
    table.append([row("ld_2", 2)], {0: 2}, stamp=2)
    assert keys(tmp_path) == [("ld_1", 1), ("ld_2", 2), ("ld_0", 3)]
    assert keys(tmp_path, ACCOUNT) == [("ac_1", 1)]


def test_without_a_history_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read_history(tmp_path, LEAD).num_rows == 0


def test_what_feast_looks_at_is_made_once_and_never_emptied(tmp_path: Path) -> None:
    path = tmp_path / "lead_scoring_v1"
    ensure_history(path, LEAD_SCORING)
    assert read_history(path, LEAD).num_rows == 0
    table = HistoryTable(path)
    table.take_over(0)
    table.append([row("ld_0", 1)], {0: 1}, stamp=1)
    ensure_history(path, LEAD_SCORING)
    assert keys(path) == [("ld_0", 1)]
