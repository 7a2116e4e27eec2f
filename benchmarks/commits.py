"""Whether a small commit to the history goes on costing the same: a worker that keeps up makes thirty a second.

What a commit costs grows with the table's files and with its log, both of which upkeep must hold down.
"""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from deltalake import DeltaTable
from rich.console import Console

from benchmarks.machine import LoadMeter, on_core
from benchmarks.result import Goal, Result, machine, now, versions
from features.history import LEAD, HistoryRow, HistoryTable

COMMITS, STRETCH = 6_000, 500  # commits; in a stretch, of which the first and the last are compared
ROWS, BYTES, PARTITIONS = 30, 400, 12  # of a commit; of a row; of the topic
# Of the last stretch's median commit to the first's. Set when 2.0 had been measured: more has become slower.
FLOOR, AIM = 3.0, 1.5


def run(folder: Path, *, console: Console) -> Result:
    """Commit to a new history below `folder`."""
    path = folder / "home" / "history"
    shutil.rmtree(path, ignore_errors=True)
    meter = LoadMeter()
    with on_core(0), console.status(f"{COMMITS:,} commits"):
        took = _commit(HistoryTable(path))
    load, stretches = meter.read(), [median(took[start : start + STRETCH]) for start in range(0, COMMITS, STRETCH)]
    log, files = len(os.listdir(path / "_delta_log")), len(DeltaTable(str(path)).file_uris())
    shutil.rmtree(path)
    return Result(
        benchmark="commits",
        made_at=now(),
        machine=machine(),
        load={"commits": load},
        versions=versions(),
        goals=[
            Goal(
                name=f"a commit after {COMMITS - STRETCH:,} others ÷ one of the first {STRETCH}",
                measured=stretches[-1] / stretches[0],
                floor=FLOOR,
                aim=AIM,
                higher_is_better=False,
            )
        ],
        figures={"median milliseconds a commit, by stretch": [seconds * 1_000 for seconds in stretches]},
        notes=[
            f"median milliseconds a commit, for every {STRETCH}: "
            + ", ".join(f"{seconds * 1_000:.1f}" for seconds in stretches),
            f"one in a hundred takes over {sorted(took)[len(took) * 99 // 100] * 1_000:.0f} ms: it merges files",
            f"left behind: {files} files, {log:,} entries of the log; {ROWS} rows a commit, {PARTITIONS} partitions",
        ],
    )


def _commit(history: HistoryTable) -> list[float]:
    """Seconds that each commit takes."""
    for partition in range(PARTITIONS):
        history.take_over(partition)
    took = []
    for number in range(1, COMMITS + 1):
        at = datetime.now(UTC)
        rows = [
            HistoryRow(LEAD, f"ld_{os.urandom(16).hex()}", None, at, number, os.urandom(BYTES), None, each % PARTITIONS)
            for each in range(ROWS)
        ]
        began = time.perf_counter()
        history.append(rows, dict.fromkeys(range(PARTITIONS), number), number)
        took.append(time.perf_counter() - began)
    return took
