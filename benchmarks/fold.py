"""What folding costs one core: facts and states of micro-batches that lie in memory, and the feature worker as a whole.

Both are held against a loop that only reads and parses the same records of `events`. The worker also reads them, judges
and writes the rows to the history and to the online store.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console

from benchmarks.ingesting import FOLDING, OURS, Speed, filled, running
from benchmarks.machine import on_core
from benchmarks.raw_loop import CONSUME, cpu_seconds_of_reading
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from benchmarks.traffic import messages
from features.definitions import LEAD_SCORING
from features.entries import Entries
from features.micro_batch import MicroBatch
from features.worker import BATCH_RECORDS
from ingestion.contracts.raw import EVENTS_TOPIC
from ingestion.kafka import Record, scan_topic
from ingestion.memory import settle_memory
from leadline.company import RawOut
from leadline.setup import PARTITIONS

# Of the raw loop's events per CPU-second. Set when 0.21 and 0.12 had been measured: less has become slower.
FOLD_FLOOR, FOLD_AIM = 0.15, 0.25
WORKER_FLOOR, WORKER_AIM = 0.08, 0.15
PASSES = 2  # of what is quick, before the worker, and as many after


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one filled broker. Events per CPU-second."""

    raw_loop: float  # the median of its passes
    fold: float  # likewise
    worker: Speed

    @property
    def fold_ratio(self) -> float:
        """Of the fold alone, as a part of the raw loop's."""
        return self.fold / self.raw_loop

    @property
    def worker_ratio(self) -> float:
        """Of the worker, as a part of the raw loop's."""
        return self.worker.events_per_cpu_second / self.raw_loop


def run(folder: Path, *, events: int, rounds: int, console: Console) -> Result:
    """Measure `rounds` times, each in an empty home below `folder`."""
    settle_memory()  # as a worker does
    sent, found = messages(events, end=datetime.now(UTC)), list[Round]()
    for number in range(rounds):
        with console.status(f"round {number + 1} of {rounds}: {len(sent):,} messages"):
            found.append(_round(folder / "home", sent, console))
        console.print(f"round {number + 1}: {_line(found[-1])}")
    fold, worker = Spread.of([one.fold_ratio for one in found]), Spread.of([one.worker_ratio for one in found])
    return Result(
        benchmark="fold",
        made_at=now(),
        machine=machine(),
        load={"the worker, last round": found[-1].worker.load},
        versions=versions(),
        goals=[
            _goal("facts and fold: events per CPU-second ÷ raw loop's", fold.low, FOLD_FLOOR, FOLD_AIM),
            _goal("feature worker: events per CPU-second ÷ raw loop's", worker.low, WORKER_FLOOR, WORKER_AIM),
        ],
        figures={"rounds": found, "fold_ratio": fold, "worker_ratio": worker},
        notes=[
            f"ratios, median (95 %): {fold} facts and fold, {worker} the feature worker",
            f"events per CPU-second: facts and fold {median(one.fold for one in found):,.0f}, feature worker "
            f"{median(one.worker.events_per_cpu_second for one in found):,.0f}, raw loop "
            f"{median(one.raw_loop for one in found):,.0f}",
            f"facts and fold: canonical events' bytes to encoded rows, {BATCH_RECORDS:,} at once, without any store",
            f"raw loop: consume({CONSUME:,}) and orjson.loads over the same records",
            "on one core; the broker's CPU is nobody's",
        ],
    )


def _goal(name: str, measured: float, floor: float, aim: float) -> Goal:
    return Goal(name=name, measured=measured, floor=floor, aim=aim, higher_is_better=True)


def _round(home: Path, sent: Sequence[RawOut], console: Console) -> Round:
    with filled(home, sent, console) as (platform, lags):
        with running(OURS, platform, None, lags) as ingestion:
            ingestion.drain()
        bootstrap = platform.broker.bootstrap_servers
        records = sorted(scan_topic(bootstrap, EVENTS_TOPIC), key=lambda record: record.timestamp_ms)  # as a worker's
        quick = [_quick(bootstrap, records) for _ in range(PASSES)]
        with running(FOLDING, platform, None, lags) as worker:
            speed = worker.timed(len(records))
        quick += [_quick(bootstrap, records) for _ in range(PASSES)]
    raw, fold = (median(speeds) for speeds in zip(*quick, strict=True))
    return Round(raw_loop=raw, fold=fold, worker=speed)


def _quick(bootstrap: str, records: Sequence[Record]) -> tuple[float, float]:
    with on_core(0):
        raw = cpu_seconds_of_reading(bootstrap, [EVENTS_TOPIC], len(records))
        return len(records) / raw, len(records) / cpu_seconds_of_folding(records, BATCH_RECORDS)


def cpu_seconds_of_folding(records: Sequence[Record], at_once: int) -> float:
    """CPU time of this process for folding the records into nothing that was known, so many in a micro-batch."""
    entries = Entries(lambda leads: [None] * len(leads), lambda accounts: [None] * len(accounts))
    partitions = PARTITIONS[EVENTS_TOPIC]
    began, at = time.process_time(), datetime.now(UTC)
    for start in range(0, len(records), at_once):
        owned = frozenset(range(partitions))
        MicroBatch(entries, LEAD_SCORING, owned, partitions, at, lambda _marks: []).fold(
            records[start : start + at_once]
        )
    return time.process_time() - began


def _line(one: Round) -> str:
    return (
        f"facts and fold [bold]{one.fold:,.0f}[/] events per CPU-second: {one.fold_ratio:.3f} of the raw loop; feature "
        f"worker [bold]{one.worker.events_per_cpu_second:,.0f}[/]: {one.worker_ratio:.3f} of it"
    )
