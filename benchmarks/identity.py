"""Identity beside Splink: the same records, the same exact rules, the same people found; and what one merge takes.

Splink links deterministically by each identifier and clusters by connected components, on DuckDB. Ours does it in
memory, and once more durably: batch by batch into SQLite. Every arm is a process of its own and uses the cores it can.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.machine import LoadMeter
from benchmarks.peers.environment import environment, peer_versions
from benchmarks.people import PersonRecord, records
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from leadline.errors import LeadlineError

FLOOR, AIM = 5, 10  # times Splink's speed
MERGE_GOAL = 0.5  # milliseconds
COMPARED = 50_000
SPLINK, MEMORY, DURABLE = "Splink", "in memory", "durable"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an arm took, in seconds; merges in milliseconds each."""

    wall: float
    cpu: float
    resolving_wall: float = 0.0  # without normalising and hashing, of which Splink does nothing
    resolving_cpu: float = 0.0
    pairs: int = 0  # links that Splink made
    merge_step: list[float] = []
    merge_cpu: list[float] = []  # of the step
    merge_transaction: list[float] = []


def run(folder: Path, *, count: int, rounds: int, console: Console) -> Result:
    """Measure Splink and the arm in memory in turn, `rounds` times, and the durable arm once, on `count` records."""
    bench = _Bench(folder)
    with console.status(f"the arms' partitions of {COMPARED:,} records are compared"):
        bench.fill(COMPARED)
        for arm in (SPLINK, MEMORY, DURABLE):
            bench.measure(arm)
    with console.status(f"{count:,} records"):
        bench.fill(count)
    found: dict[str, list[Taken]] = {SPLINK: [], MEMORY: []}
    meter = LoadMeter()
    for number in range(rounds):
        for arm in (SPLINK, MEMORY) if number % 2 == 0 else (MEMORY, SPLINK):
            with console.status(f"round {number + 1} of {rounds}: {arm}"):
                found[arm].append(bench.measure(arm))
        console.print(f"round {number + 1}: " + "; ".join(f"{arm} {_seconds(found[arm][-1])}" for arm in found))
    with console.status("durable, once"):
        durable = bench.measure(DURABLE)
    console.print(f"{DURABLE}: {_seconds(durable)}")
    return _result(bench, found, durable, meter, count)


class _Bench:
    """Records in a file, and the arms that read it."""

    def __init__(self, folder: Path) -> None:
        self.peer = environment("splink", folder / "peers")
        self._folder = folder / "identity"
        self._records = self._folder / "records.parquet"
        self._truth: list[int] = []

    def fill(self, count: int) -> None:
        """Write as many records for the arms to read."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        columns = dict(zip(PersonRecord._fields, zip(*records(count), strict=True), strict=True))
        self._truth = _first_of_each(columns.pop("person"))
        arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
        pq.write_table(pa.table({"record": range(count)} | arrays), self._records)

    @property
    def people(self) -> int:
        """How many there are."""
        return len(set(self._truth))

    def measure(self, arm: str) -> Taken:
        """Run an arm; raises `LeadlineError` if it fails or does not find exactly the people there are."""
        output = self._folder / f"{arm.replace(' ', '-')}.parquet"
        if arm == SPLINK:
            command = [str(self.peer / "python"), str(Path(__file__).parent / "peers" / "splink" / "cluster.py")]
        else:
            command = [sys.executable, "-m", "benchmarks.resolving", "memory" if arm == MEMORY else "durable"]
        output.with_suffix(".db").unlink(missing_ok=True)
        done = subprocess.run([*command, str(self._records), str(output)], capture_output=True, text=True)
        if done.returncode != 0:
            raise LeadlineError(f"{arm} failed: {done.stderr[-600:]}")
        if _first_of_each(pq.read_table(output).column("cluster").to_pylist()) != self._truth:
            raise LeadlineError(f"{arm} does not find the people that there are: the arms do not do the same")
        return msgspec.convert(json.loads(done.stdout), Taken)


def _first_of_each(clusters: Any) -> list[int]:
    """For every record the first record of its cluster: equal for equal partitions, whatever clusters are called."""
    first: dict[Any, int] = {}
    return [first.setdefault(cluster, place) for place, cluster in enumerate(clusters)]


def _result(bench: _Bench, found: dict[str, list[Taken]], durable: Taken, meter: LoadMeter, count: int) -> Result:
    pairs = list(zip(found[SPLINK], found[MEMORY], strict=True))
    cpu = Spread.of([splink.cpu / ours.cpu for splink, ours in pairs])
    wall = Spread.of([splink.wall / ours.wall for splink, ours in pairs])
    resolving = Spread.of([splink.cpu / ours.resolving_cpu for splink, ours in pairs])
    at_rest = Spread.of([splink.cpu / durable.cpu for splink, _ in pairs])
    step, step_cpu, transaction = (
        np.percentile(each, [50, 99]) for each in (durable.merge_step, durable.merge_cpu, durable.merge_transaction)
    )
    return Result(
        benchmark="identity",
        made_at=now(),
        machine=machine(),
        load={"all rounds": meter.read()},
        versions=versions(**peer_versions(bench.peer, "splink", "duckdb")),
        goals=[
            Goal(name="CPU, Splink ÷ in memory", measured=cpu.low, floor=FLOOR, aim=AIM, higher_is_better=True),
            Goal(name="wall, Splink ÷ in memory", measured=wall.low, floor=FLOOR, aim=AIM, higher_is_better=True),
            Goal(
                name="p99 of a merge in the store, ms",
                measured=float(step[1]),
                floor=MERGE_GOAL,
                aim=MERGE_GOAL,
                higher_is_better=False,
            ),
        ],
        figures={
            "rounds": found,
            "durable": durable,
            "cpu_ratio": cpu,
            "wall_ratio": wall,
            "resolving_ratio": resolving,
        },
        notes=[
            f"Splink's ÷ in memory, median (95 %): CPU {cpu}, wall {wall}; CPU {resolving} without the normalising and "
            "keyed hashing that Splink does not do",
            f"durable, every edge, lead and forwarding in SQLite: {_seconds(durable)}; Splink's CPU ÷ this {at_rest}",
            f"a merge of two leads among {count:,} records, ms: p50 {step[0]:.2f}, p99 {step[1]:.2f} "
            f"(CPU {step_cpu[0]:.2f} and {step_cpu[1]:.2f}); "
            f"with begin and commit p50 {transaction[0]:.2f}, p99 {transaction[1]:.2f}",
            f"{count:,} records of {bench.people:,} people, {found[SPLINK][0].pairs:,} links by Splink; "
            "every arm found exactly these people in every round",
        ],
    )


def _seconds(taken: Taken) -> str:
    return f"{taken.cpu:.1f} CPU-seconds, {taken.wall:.1f} s"
