"""The ingestion worker alone against a loop that only reads and parses the same messages.

Every round has a home and a broker of its own, filled before a worker starts. What is measured runs on one core, the
broker on the other. The clock starts at a worker's first commit, with what is left then, and stops when it has
committed everything.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console

from benchmarks.draining import left_after_first_commit, until
from benchmarks.machine import LoadMeter, children, cpu_seconds, on_core, own_environment
from benchmarks.raw_loop import CONSUME, cpu_seconds_of_reading
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from benchmarks.traffic import TOPIC, messages
from ingestion.app import INGESTION_GROUP
from ingestion.kafka import Lags
from leadline.company import RawOut
from leadline.home import occupied
from leadline.platform import Platform
from leadline.seed import Publisher, publish_all

RAW_FLOOR, RAW_AIM = 0.04, 0.08  # of the raw loop's events per CPU-second
RAW_PASSES = 2  # before, and as many after


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast one worker was."""

    events_per_cpu_second: float  # of its process
    events_per_second: float  # by the wall clock


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one filled broker."""

    raw_loop: float  # events per CPU-second, the median of its passes
    ours: Speed

    @property
    def raw_ratio(self) -> float:
        """Ingestion's events per CPU-second, as a part of the raw loop's."""
        return self.ours.events_per_cpu_second / self.raw_loop


def run(folder: Path, *, events: int, rounds: int, console: Console) -> Result:
    """Measure `rounds` times how many events a CPU-second takes, each time in an empty home below `folder`."""
    sent, meter = messages(events, end=datetime.now(UTC)), LoadMeter()
    found = []
    for number in range(rounds):
        with console.status(f"round {number + 1} of {rounds}: {len(sent):,} events"):
            found.append(_round(folder / "home", sent, console))
        console.print(_line(number, found[-1]))
    raw_ratio = Spread.of([one.raw_ratio for one in found])
    cpu = Spread.of([one.ours.events_per_cpu_second for one in found])
    wall = Spread.of([one.ours.events_per_second for one in found])
    return Result(
        benchmark="ingestion",
        made_at=now(),
        machine=machine(),
        load={"all rounds": meter.read()},
        versions=versions(),
        goals=[
            Goal(
                name="events per CPU-second ÷ raw loop's",
                measured=raw_ratio.low,
                floor=RAW_FLOOR,
                aim=RAW_AIM,
                higher_is_better=True,
            ),
        ],
        figures={"rounds": found, "raw_ratio": raw_ratio, "events_per_cpu_second": cpu, "events_per_second": wall},
        notes=[
            f"ingestion: {cpu} events per CPU-second, {wall} events/s on one core; {raw_ratio} of the raw loop",
            f"{len(sent):,} Segment calls of {sum(len(one.value) for one in sent) // len(sent)} bytes, one a message",
            f"raw loop: consume({CONSUME:,}) and orjson.loads, the median of {2 * RAW_PASSES} passes a round",
            "CPU: of the process with librdkafka's threads; the broker's is nobody's",
        ],
    )


def _round(home: Path, sent: Sequence[RawOut], console: Console) -> Round:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with on_core(1), own_environment(), occupied(home), Platform(home, say=console.print) as platform:
        publisher = Publisher(platform.settings)
        publish_all(publisher, sent)
        publisher.close()
        bootstrap = platform.broker.bootstrap_servers
        before = _raw_loop(bootstrap, len(sent))
        with closing(Lags(bootstrap)) as lags:
            ours = _ours(platform, lags, len(sent))
        return Round(raw_loop=median(before + _raw_loop(bootstrap, len(sent))), ours=ours)


def _raw_loop(bootstrap: str, total: int) -> list[float]:
    with on_core(0):
        return [total / cpu_seconds_of_reading(bootstrap, [TOPIC], total) for _ in range(RAW_PASSES)]


def _ours(platform: Platform, lags: Lags, total: int) -> Speed:
    with on_core(0):
        platform.start("ingest")
    return _speed(lags, INGESTION_GROUP, total, "ingest", platform.stack.require_running)


def _speed(lags: Lags, group: str, total: int, name: str, alive: Callable[[], None]) -> Speed:
    """The speed of our child process whose command ends in `name`."""
    left = left_after_first_commit(lags, group, [TOPIC], total, alive)
    (pid,) = [pid for pid, command in children().items() if command[-1] == name]
    cpu, began = cpu_seconds(pid), time.monotonic()
    until(lambda: lags.of(group, [TOPIC]) == 0, alive)
    return Speed(
        events_per_cpu_second=left / (cpu_seconds(pid) - cpu),
        events_per_second=left / (time.monotonic() - began),
    )


def _line(number: int, one: Round) -> str:
    return (
        f"round {number + 1}: raw loop {one.raw_loop:,.0f}, ingestion [bold]{one.ours.events_per_cpu_second:,.0f}[/] "
        f"events per CPU-second ({one.raw_ratio:.3f} of it), {one.ours.events_per_second:,.0f} events/s"
    )
