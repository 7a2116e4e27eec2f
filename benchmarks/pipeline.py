"""Raw topics to online features on this machine, the broker beside it, against a loop that only reads and parses.

The raw topics are filled before the workers start, so that these set the pace. The clock starts at ingestion's first
commit, with what is left then, and stops when ingestion and features have committed everything: a feature worker
commits after its online write. The lake writer runs along, as it does in production.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.draining import left_after_first_commit, until
from benchmarks.machine import Load, LoadMeter, children, cpu_seconds, own_environment
from benchmarks.raw_loop import CONSUME, cpu_seconds_of_reading
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from features.app import features_group
from ingestion.app import INGESTION_GROUP, LAKE_GROUP
from ingestion.contracts.raw import EVENTS_TOPIC, IMPORTED, RAW_TOPICS
from ingestion.kafka import Lags
from leadline.company import Company, RawOut, generate
from leadline.home import occupied
from leadline.platform import Platform
from leadline.seed import Publisher, publish_all

FLOOR, AIM = 8_000, 25_000  # events per second, live
CPU_FLOOR, CPU_AIM = 0.05, 0.07  # of the raw loop's events per CPU-second
EVENTS_PER_LEAD = 30  # of the demo company
RAW_PASSES = 5
WORKERS = ("ingest", "features", "lake")


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One way through the pipeline."""

    name: str
    raw_messages: int
    events: int  # elements of the raw messages
    events_measured: float  # those that were not committed at the clock's start
    seconds: float  # until features were served
    seconds_to_lake: float
    cpu_seconds: dict[str, float]  # by process, within `seconds_to_lake`
    raw_loop: Spread  # events per CPU-second of consume and orjson.loads
    load: Load

    @property
    def events_per_second(self) -> float:
        """By the wall clock."""
        return self.events_measured / self.seconds

    @property
    def events_per_cpu_second(self) -> float:
        """Of the workers together; the broker's CPU is not the pipeline's, as in the raw loop."""
        return self.events_measured / sum(self.cpu_seconds[worker] for worker in WORKERS)

    @property
    def cpu_ratio(self) -> float:
        """Events per CPU-second against the raw loop's best end."""
        return self.events_per_cpu_second / self.raw_loop.high


def run(folder: Path, *, events: int, seed: int, console: Console) -> Result:
    """Measure both arms, each in an empty home below `folder`."""
    company = generate(seed=seed, leads=max(20, events // EVENTS_PER_LEAD), end=datetime.now(UTC))
    arms = []
    for name, messages in (("live", map(_live, company.messages)), ("imported", company.messages)):
        with console.status(f"pipeline, {name} events"):
            arms.append(_measure(name, folder / "home", company, messages, console))
        _show(arms[-1], console)
    live = arms[0]
    return Result(
        benchmark="pipeline",
        made_at=now(),
        machine=machine(),
        load={f"{arm.name} events": arm.load for arm in arms},
        versions=versions(),
        goals=[
            Goal(
                name="live events/s, raw → online feature",
                measured=live.events_per_second,
                floor=FLOOR,
                aim=AIM,
                higher_is_better=True,
            ),
            Goal(
                name="events per CPU-second ÷ raw loop's",
                measured=live.cpu_ratio,
                floor=CPU_FLOOR,
                aim=CPU_AIM,
                higher_is_better=True,
            ),
        ],
        figures={"arms": arms},
        notes=[
            "an event is an element of a raw message; one process of each worker, the broker on the same cores",
            "wall clock: from ingestion's first commit, counting what was left then, until every feature is served",
            f"raw loop: consume({CONSUME:,}) and orjson.loads over the same topics, {RAW_PASSES} passes, one process, "
            "with librdkafka's threads",
            "imported history gets a history row an event, live events one a lead and micro-batch",
        ],
    )


def _live(message: RawOut) -> RawOut:
    return replace(message, headers={name: value for name, value in message.headers.items() if name != IMPORTED})


def _measure(name: str, home: Path, company: Company, messages: Iterable[RawOut], console: Console) -> Arm:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with own_environment(), occupied(home), Platform(home, say=console.print) as platform:
        publisher = Publisher(platform.settings)
        publish_all(publisher, messages)
        publisher.close()
        events, raw = company.truth.totals["elements"], len(company.messages)
        bootstrap = platform.broker.bootstrap_servers
        passes = [events / cpu_seconds_of_reading(bootstrap, RAW_TOPICS, raw) for _ in range(RAW_PASSES)]
        with closing(Lags(bootstrap)) as lags:
            run = _run(platform, lags, raw)
    return Arm(
        name=name,
        raw_messages=raw,
        events=events,
        events_measured=events * run.left / raw,
        seconds=run.seconds,
        seconds_to_lake=run.seconds_to_lake,
        cpu_seconds=run.cpu_seconds,
        raw_loop=Spread.of(passes),
        load=run.load,
    )


@dataclass(frozen=True)
class _Run:
    left: int  # raw messages, at the clock's start
    seconds: float
    seconds_to_lake: float
    cpu_seconds: dict[str, float]
    load: Load


def _run(platform: Platform, lags: Lags, raw: int) -> _Run:
    alive, group = platform.stack.require_running, features_group(platform.settings)
    platform.start("features", "lake")  # first, so that their start is not in the clock
    until(lambda: lags.has_members(group) and lags.has_members(LAKE_GROUP), alive)
    platform.start("ingest")
    left = left_after_first_commit(lags, INGESTION_GROUP, RAW_TOPICS, raw, alive)
    meter, before, began = LoadMeter(), _cpu_by_process(), time.monotonic()
    until(lambda: lags.of(INGESTION_GROUP, RAW_TOPICS) == 0, alive)
    until(lambda: lags.of(group, [EVENTS_TOPIC]) == 0, alive)
    seconds = time.monotonic() - began
    until(lambda: lags.of(LAKE_GROUP, [EVENTS_TOPIC]) == 0, alive)
    after = _cpu_by_process()
    return _Run(
        left,
        seconds,
        time.monotonic() - began,
        {process: round(after[process] - before[process], 3) for process in before},
        meter.read(),
    )


def _cpu_by_process() -> dict[str, float]:
    """CPU time of every worker and of the broker, by the worker's command."""
    names = {pid: "broker" if "kafka.Kafka" in command else command[-1] for pid, command in children().items()}
    return {name: cpu_seconds(pid) for pid, name in names.items() if name in (*WORKERS, "broker")}


def _show(arm: Arm, console: Console) -> None:
    per_event = {
        name: f"{seconds / arm.events_measured * 1e6:.0f} µs ({seconds:.1f} s)"
        for name, seconds in arm.cpu_seconds.items()
    }
    console.print(
        f"[bold]{arm.name}[/]: {arm.events_measured:,.0f} events in {arm.seconds:.1f} s = "
        f"[bold]{arm.events_per_second:,.0f} events/s[/] ({arm.events_per_second / FLOOR:.2f} of the floor {FLOOR:,}, "
        f"{arm.events_per_second / AIM:.2f} of the aim {AIM:,}); in the lake after {arm.seconds_to_lake:.1f} s"
    )
    console.print(f"  CPU an event: {', '.join(f'{name} {spent}' for name, spent in per_event.items())}")
    console.print(
        f"  {arm.events_per_cpu_second:,.0f} events per CPU-second of the workers; raw loop {arm.raw_loop}: "
        f"{arm.cpu_ratio:.3f} of it"
    )
