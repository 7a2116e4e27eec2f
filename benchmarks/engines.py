"""Every lead's features from the lake, by DuckDB and by Spark on two threads of the same machine.

Each engine is a process of its own, Spark's with its JVM and its workers, started anew for every measurement. The
answers must be equal, value for value.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.progress import track

from benchmarks.machine import LoadMeter, cpu_seconds, descendants, own_environment, peak_bytes
from benchmarks.result import Result, Spread, machine, now, versions
from features.definitions import LEAD_SCORING
from features.recompute import features_table
from features.settings import offline_engine
from ingestion.contracts.event import (
    Channel,
    Event,
    EventData,
    EventType,
    LeadMerged,
    ObjectRef,
    RawPointer,
    encode_json,
)
from ingestion.lake import EventsTable, Row, event_row, forwarding_row
from leadline.errors import LeadlineError

ENGINES = ("duckdb", "local[2]")
SHARES = (8, 1)  # of the events: what a start costs is seen in the smaller lake
EVENTS_A_LEAD, LEADS_AN_ACCOUNT, COMMIT = 30, 20, 50_000
END = datetime(2026, 11, 1, tzinfo=UTC)
_PAGE = (EventType.WEB_PAGE_VIEWED, {"path": "/pricing"}, None)
_SAID = (
    *[_PAGE] * 5,
    (EventType.PRODUCT_FEATURE_USED, {"feature": "export"}, None),
    (EventType.EMAIL_CLICKED, {}, None),
    (EventType.LEAD_FORM_SUBMITTED, {"jobtitle": "VP Sales", "industry": "Computer Software"}, None),
    (EventType.TICKET_CREATED, {"priority": "high", "status": "open"}, ObjectRef("ticket", "t1")),
)


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine took, with all its processes: seconds, CPU seconds, bytes."""

    wall: float
    cpu: float
    peak: int


def run(folder: Path, *, events: int, rounds: int, console: Console) -> Result:
    """Measure both engines over a lake of `events` and one of an eighth of that.

    Raises:
        LeadlineError: an engine failed, or they differ.
    """
    meter, found, notes = LoadMeter(), {}, []
    for share in SHARES:
        count, home = events // share, folder / "engines"
        shutil.rmtree(home, ignore_errors=True)
        _fill(home / "lake", count, console)
        taken: dict[str, list[Taken]] = {engine: [] for engine in ENGINES}
        for number in range(rounds):
            for engine in ENGINES if number % 2 == 0 else ENGINES[::-1]:
                with console.status(f"{count:,} events, round {number + 1} of {rounds}: {engine}"):
                    taken[engine].append(_measured(home, engine))
        _require_equal(home)
        found[f"{count}"] = taken
        notes += [f"{count:,} events: {engine} {_told(count, taken[engine])}" for engine in ENGINES]
    shutil.rmtree(folder / "engines")
    return Result(
        benchmark="engines",
        made_at=now(),
        machine=machine(),
        load={"both": meter.read()},
        versions=versions(duckdb=version("duckdb"), pyspark=version("pyspark")),
        goals=[],
        figures=msgspec.to_builtins(found),
        notes=[*notes, "from the start of the process to the answer; CPU with JVM and workers; equal answers"],
    )


def _told(count: int, taken: list[Taken]) -> str:
    rate = Spread.of([count / each.wall for each in taken])
    cpu = Spread.of([count / each.cpu for each in taken])
    peak = max(each.peak for each in taken) / 2**20
    return f"{rate.median:,.0f} events/s, {cpu.median:,.0f} a CPU second, {peak:,.0f} MB at most"


def _measured(home: Path, engine: str) -> Taken:
    command = [sys.executable, "-m", "benchmarks.engines", str(home / "lake"), engine, str(_answer(home, engine))]
    began = time.perf_counter()
    with own_environment():
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()})
    if done.returncode != 0:
        raise LeadlineError(f"{engine} failed: {done.stderr[-600:]}")
    wall = time.perf_counter() - began
    return msgspec.convert(json.loads(done.stdout.splitlines()[-1]) | {"wall": wall}, Taken)


def _answer(home: Path, engine: str) -> Path:
    return home / f"{ENGINES.index(engine)}.parquet"


def _require_equal(home: Path) -> None:
    one, other = (pq.read_table(_answer(home, engine)) for engine in ENGINES)
    if not one.equals(other):
        raise LeadlineError(f"{' and '.join(ENGINES)} differ in the features of some lead")


def _fill(lake: Path, count: int, console: Console) -> None:
    """A lake of this many events of 90 days, one lead in twenty merged into the next."""
    table, rng = EventsTable(lake), np.random.default_rng(7)
    commits = range(0, count, COMMIT)
    for start in track(commits, f"a lake of {count:,} events", console=console, transient=True):
        numbers = range(start, min(start + COMMIT, count))
        table.append([row for number in numbers for row in _rows(number, count, rng)], {"benchmark": start})


def _rows(number: int, count: int, rng: np.random.Generator) -> Iterator[Row]:
    leads = max(count // EVENTS_A_LEAD, 2)
    which = number % leads
    lead, account = f"ld_{which:08d}", f"ac_{which // LEADS_AN_ACCOUNT:07d}"
    at = END - timedelta(seconds=int(rng.integers(90 * 86_400)))
    raw = RawPointer("raw.product", 0, number, 0, "0" * 64)
    what, properties, thing = _SAID[rng.integers(len(_SAID))]
    event = Event(
        id=f"e{number}",
        source="/t/bench/web",
        type=what,
        time=at,
        receivedtime=at,
        tenant="bench",
        lead=lead,
        account=account,
        partitionkey=account,
        data=EventData(channel=Channel.WEB, properties=properties, object=thing),
        raw=raw,
    )
    yield event_row(event, encode_json(event))
    if number >= count - leads and which % LEADS_AN_ACCOUNT == 1:
        merge = LeadMerged(
            absorbed=lead,
            survivor=f"ld_{which + 1:08d}",
            survivor_key=account,
            survivor_account=account,
            joined=True,
            rule="benchmark",
            receivedtime=END,
            imported=False,
            raw=raw,
        )
        yield forwarding_row(merge, encode_json(merge))


def _answered(lake: Path, engine: str, out: Path) -> None:
    """Write the answer in the order of leads, and print what it took."""
    table: pa.Table = features_table(lake, END, LEAD_SCORING, offline_engine(engine))
    pq.write_table(table.sort_by("lead"), out)
    everybody = descendants(os.getpid())
    cpu, peak = sum(map(cpu_seconds, everybody)), sum(map(peak_bytes, everybody))
    sys.stdout.write(f"{json.dumps({'cpu': cpu, 'peak': peak})}\n")


if __name__ == "__main__":
    typer.run(_answered)
