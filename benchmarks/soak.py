"""The ingestion worker over millions of events of ever new people: what it holds in memory, and what an event costs.

The events come in waves, each about people who were never seen before, beside the repeats of its own. A wave is sent
and drained before the next, so that the worker is the same process throughout and every wave meets larger tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import msgspec
from rich.console import Console
from rich.progress import track

from benchmarks.draining import until
from benchmarks.ingesting import OURS, filled, running
from benchmarks.machine import Load, LoadMeter, cpu_seconds, resident_bytes
from benchmarks.result import Goal, Result, machine, now, versions
from benchmarks.traffic import CALLS_PER_PERSON, messages
from ingestion.app import INGESTION_GROUP
from leadline.seed import Publisher, publish_all

WAVE = 250_000  # events
SETTLED = 4  # waves until caches and the client's queues are as large as they become
MEMORY_FLOOR, MEMORY_AIM = 1.2, 1.05
CPU_FLOOR, CPU_AIM = 1.5, 1.1


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker was like after one wave."""

    events: int  # so far
    people: int  # so far
    resident_bytes: int
    cpu_seconds_per_event: float  # within the wave


def run(folder: Path, *, events: int, console: Console) -> Result:
    """Send about `events` events, but at least eight waves, through one worker in an empty home below `folder`."""
    meter, waves, end = LoadMeter(), list[Wave](), datetime.now(UTC)
    with filled(folder / "home", (), console) as (platform, lags), running(OURS, platform, None, lags) as worker:
        until(lambda: lags.has_members(INGESTION_GROUP), worker.require_running)  # its start is nobody's event
        publisher = Publisher(platform.settings)
        for number in track(range(max(2 * SETTLED, events // WAVE)), "waves", console=console):
            people, before = WAVE // CALLS_PER_PERSON, cpu_seconds(worker.process.pid)
            sent = publish_all(publisher, messages(WAVE, end=end, first=number * people))
            worker.drain()
            waves.append(
                Wave(
                    events=len(sent) + (waves[-1].events if waves else 0),
                    people=(number + 1) * people,
                    resident_bytes=resident_bytes(worker.process.pid),
                    cpu_seconds_per_event=(cpu_seconds(worker.process.pid) - before) / len(sent),
                )
            )
        publisher.close()
    return _result(waves, meter.read())


def _result(waves: Sequence[Wave], load: Load) -> Result:
    early, late = waves[SETTLED - 2 : SETTLED], waves[-2:]
    memory = _growth(early, late, lambda wave: wave.resident_bytes)
    cpu = _growth(early, late, lambda wave: wave.cpu_seconds_per_event)
    return Result(
        benchmark="soak",
        made_at=now(),
        machine=machine(),
        load={"all waves": load},
        versions=versions(),
        goals=[
            Goal(
                name="resident memory, end ÷ beginning",
                measured=memory,
                floor=MEMORY_FLOOR,
                aim=MEMORY_AIM,
                higher_is_better=False,
            ),
            Goal(
                name="CPU an event, end ÷ beginning", measured=cpu, floor=CPU_FLOOR, aim=CPU_AIM, higher_is_better=False
            ),
        ],
        figures={"waves": waves},
        notes=[
            *(
                f"{wave.events:,} events of {wave.people:,} people: {wave.resident_bytes / 2**20:,.0f} MiB, "
                f"{wave.cpu_seconds_per_event * 1e6:.1f} µs CPU an event"
                for wave in waves
            ),
            f"the beginning is waves {SETTLED - 1} and {SETTLED}, the end the last two; SQLite on disk, one process",
        ],
    )


def _growth(early: Sequence[Wave], late: Sequence[Wave], figure: Callable[[Wave], float]) -> float:
    return fmean(map(figure, late)) / fmean(map(figure, early))
