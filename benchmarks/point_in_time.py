"""A training set as of past moments: Leadline's offline store beside Feast's own and bare SQL, on the same rows.

Every arm is a process of its own, uses the cores it can, and must find exactly what the others find.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import duckdb
import msgspec
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.machine import LoadMeter, own_environment
from benchmarks.peers.environment import environment, peer_versions
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from leadline.errors import LeadlineError

FEATURES = 30
ROWS_EACH = 10  # rows an example, twice as many a lead
OURS, DEFAULT, DUCKDB, BARE = "Leadline", "Feast default", "Feast DuckDB", "bare DuckDB"
STORES = {OURS: "features.offline_store.LakeOfflineStore", DEFAULT: "dask", DUCKDB: "duckdb", BARE: ""}
GOALS = {DEFAULT: (3.0, 10.0), DUCKDB: (1.0, 2.0)}  # times the peer's speed: floor, aim
BARE_GOAL = 1.25  # times the bare query's time, at most
PATIENCE_SECONDS = 1_800
SMALLEST = 10_000  # examples; a peer that cannot even do these has failed

_PROGRAM = Path(__file__).parent / "peers" / "feast_offline" / "join.py"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an arm took: seconds and bytes."""

    wall: float
    cpu: float
    peak: int


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What the arms took, round by round."""

    examples: int
    taken: dict[str, list[Taken]]

    def ratio(self, arm: str, to: str, what: str) -> Spread:
        """One arm's wall, cpu or peak divided by another's, round by round."""
        pairs = zip(self.taken[arm], self.taken[to], strict=True)
        return Spread.of([getattr(one, what) / getattr(other, what) for one, other in pairs])


def run(folder: Path, *, examples: int, rounds: int, console: Console) -> Result:
    """Measure each of Feast's stores and ours in turn, at the largest of the halved sizes that Feast's does."""
    bench, meter = _Bench(folder), LoadMeter()
    found = {}
    for rival in GOALS:
        with console.status(f"the largest training set that {rival} makes"):
            size = bench.fill_for(rival, examples)
        console.print(f"{rival}: {size:,} examples of {ROWS_EACH * size:,} rows")
        found[rival] = Compared(examples=size, taken=_rounds(bench, (OURS, rival, BARE), rounds, console))
    bench.clear()
    return _result(found, bench.peer, meter)


def _rounds(bench: _Bench, arms: Sequence[str], rounds: int, console: Console) -> dict[str, list[Taken]]:
    taken: dict[str, list[Taken]] = {arm: [] for arm in arms}
    for number in range(rounds):
        for arm in arms if number % 2 == 0 else arms[::-1]:
            with console.status(f"round {number + 1} of {rounds}: {arm}"):
                taken[arm].append(bench.measure(arm))
        if number == 0:
            bench.require_equal(arms)
        console.print(f"round {number + 1}: " + "; ".join(f"{arm} {taken[arm][-1].wall:.1f} s" for arm in arms))
    return taken


class DoesNotFinish(LeadlineError):
    """An arm ran out of memory or patience."""


class _Bench:
    """Rows and examples in files, and the arms that read them."""

    def __init__(self, folder: Path) -> None:
        self.peer = environment("feast_offline", folder / "peers")
        self._folder = folder / "point_in_time"

    def fill_for(self, arm: str, examples: int) -> int:
        """Fill in as many examples, or half as many and so on, as the arm can do; returns their number."""
        while True:
            _fill(self._folder, examples)
            try:
                self.measure(arm)
            except DoesNotFinish:
                if examples < 2 * SMALLEST:
                    raise
                examples //= 2
            else:
                return examples

    def measure(self, arm: str) -> Taken:
        """Run an arm, the first to go where memory ends.

        Raises:
            DoesNotFinish: it ran out of memory or patience.
            LeadlineError: it failed.
        """
        program = ["-m", "benchmarks.asof"] if arm == BARE else [str(_PROGRAM)]
        python = str(self.peer / "python") if arm in GOALS else sys.executable
        command = [python, *program, str(self._folder), STORES[arm], str(self._found(arm))]
        with own_environment():
            try:
                done = subprocess.run(
                    ["choom", "--adjust", "1000", "--", *command],
                    capture_output=True,
                    text=True,
                    timeout=PATIENCE_SECONDS,
                    env=os.environ | {"PYTHONPATH": "" if arm in GOALS else os.getcwd()},
                )
            except subprocess.TimeoutExpired as error:
                raise DoesNotFinish(f"{arm} takes more than {PATIENCE_SECONDS} s") from error
        if done.returncode == -signal.SIGKILL or "MemoryError" in done.stderr:
            raise DoesNotFinish(f"{arm} ran out of memory")
        if done.returncode != 0:
            raise LeadlineError(f"{arm} failed: {done.stderr[-600:]}")
        return msgspec.convert(json.loads(done.stdout.splitlines()[-1]), Taken)

    def require_equal(self, arms: Sequence[str]) -> None:
        """Raise `LeadlineError` unless the arms found the same, row for row."""
        expected = pq.read_table(self._found(BARE))
        for arm in arms:
            if not pq.read_table(self._found(arm)).cast(expected.schema).equals(expected):
                raise LeadlineError(f"{arm} does not find what {BARE} finds")

    def clear(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder)

    def _found(self, arm: str) -> Path:
        return self._folder / f"{arm.replace(' ', '-')}.found.parquet"


def _fill(folder: Path, examples: int) -> None:
    """Rows in the order in which they became known; a lead is asked about at any moment after its first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    counts = ", ".join(
        f"if(hash(i, {n}) % 20 = 0, NULL, (hash(i, {n}) % {7 + 3 * n})::DOUBLE) AS feature_{n}" for n in range(FEATURES)
    )
    leads = examples // 2
    with duckdb.connect() as database:
        database.execute(
            f"""
            CREATE MACRO lead(i) AS 'ld_' || md5((i % {leads})::VARCHAR);
            CREATE MACRO moment(second) AS make_timestamptz(1767225600000000 + (second * 1000000)::BIGINT);
            COPY (
                SELECT lead(i) AS lead, moment(i) AS known_at, {counts}
                FROM range({ROWS_EACH * examples}) AS rows(i)
            ) TO '{folder}/rows.parquet';
            COPY (
                SELECT i AS place, lead(hash(i)) AS lead,
                moment({leads} + 0.5 + hash(i, 'moment') % {ROWS_EACH * examples - leads}) AS event_timestamp
                FROM range({examples}) AS asked(i)
            ) TO '{folder}/asked.parquet'
            """  # noqa: S608 - numbers and the benchmark's own folder
        )


def _result(found: dict[str, Compared], peer: Path, meter: LoadMeter) -> Result:
    goals, notes = [], []
    for rival, (floor, aim) in GOALS.items():
        one = found[rival]
        wall, cpu, peak = (one.ratio(rival, OURS, what) for what in ("wall", "cpu", "peak"))
        bare = one.ratio(OURS, BARE, "wall")
        goals.append(Goal(name=f"time, {rival} ÷ ours", measured=wall.low, floor=floor, aim=aim, higher_is_better=True))
        notes.append(
            f"{rival} ÷ ours, median (95 %), {one.examples:,} examples of {ROWS_EACH * one.examples:,} rows: "
            f"time {wall}, CPU {cpu}, peak memory {peak}; ours ÷ {BARE}: time {bare}"
        )
        notes.append("; ".join(f"{arm}: {_seconds(one.taken[arm])}" for arm in one.taken))
    largest = max(found.values(), key=lambda one: one.examples)
    bare = largest.ratio(OURS, BARE, "wall")
    goals.append(
        Goal(name=f"time, ours ÷ {BARE}", measured=bare.high, floor=BARE_GOAL, aim=BARE_GOAL, higher_is_better=False)
    )
    return Result(
        benchmark="point_in_time",
        made_at=now(),
        machine=machine(),
        load={"all rounds": meter.read()},
        versions=versions(**peer_versions(peer, "feast", "duckdb", "ibis-framework", "dask", "pandas")),
        goals=goals,
        figures=dict(found),
        notes=[
            *notes,
            f"{FEATURES} features, from the Parquet file to a data frame; every arm found the same",
        ],
    )


def _seconds(taken: Sequence[Taken]) -> str:
    return f"{median(one.wall for one in taken):.1f} s, {median(one.peak for one in taken) / 2**30:.1f} GiB"
