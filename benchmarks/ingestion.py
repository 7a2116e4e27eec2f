"""The ingestion worker beside the same work in Quix Streams, and beside a loop that only reads and parses.

Every round has a home and a broker of its own, filled before a worker starts; what is measured runs on one core, the
broker on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console

from benchmarks.equal_outputs import require_equal
from benchmarks.ingesting import OURS, OUTPUTS, QUIX, Speed, filled, running
from benchmarks.machine import on_core
from benchmarks.peers.environment import environment, peer_versions
from benchmarks.raw_loop import CONSUME, cpu_seconds_of_reading
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from benchmarks.traffic import TOPIC, messages
from leadline.company import RawOut
from leadline.errors import LeadlineError
from leadline.platform import Platform

RAW_FLOOR, RAW_AIM = 0.04, 0.08  # of the raw loop's events per CPU-second
QUIX_FLOOR, QUIX_AIM = 3, 5
RAW_PASSES = 2  # before, and as many after
COMPARED = 6_000  # about as many messages' outcomes are compared


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one filled broker. Events per CPU-second."""

    raw_loop: float  # the median of its passes
    arms: dict[str, Speed]

    @property
    def ours(self) -> float:
        return self.arms[OURS].events_per_cpu_second

    @property
    def raw_ratio(self) -> float:
        """Ingestion's, as a part of the raw loop's."""
        return self.ours / self.raw_loop

    @property
    def quix_ratio(self) -> float:
        """Ingestion's, as a multiple of Quix's."""
        return self.ours / self.arms[QUIX].events_per_cpu_second


def run(folder: Path, *, events: int, rounds: int, console: Console) -> Result:
    """Measure `rounds` times how many events a CPU-second takes, each time in an empty home below `folder`."""
    peer, home = environment("quix", folder / "peers"), folder / "home"
    sent = messages(events, end=datetime.now(UTC))
    with console.status("the arms' outcomes are compared"):
        compared = _compare(home, messages(COMPARED, end=datetime.now(UTC)), peer, console)
    found = []
    for number in range(rounds):
        with console.status(f"round {number + 1} of {rounds}: {len(sent):,} messages"):
            found.append(_round(home, sent, peer, (OURS, QUIX) if number % 2 == 0 else (QUIX, OURS), console))
        console.print(f"round {number + 1}: {_line(found[-1])}")
    raw, quix = Spread.of([one.raw_ratio for one in found]), Spread.of([one.quix_ratio for one in found])
    return Result(
        benchmark="ingestion",
        made_at=now(),
        machine=machine(),
        load={f"{arm}, last round": speed.load for arm, speed in found[-1].arms.items()},
        versions=versions(**peer_versions(peer, "quixstreams", "confluent-kafka", "rocksdict", "orjson")),
        goals=[
            _goal("events per CPU-second ÷ Quix Streams'", quix.low, QUIX_FLOOR, QUIX_AIM),
            _goal("events per CPU-second ÷ raw loop's", raw.low, RAW_FLOOR, RAW_AIM),
        ],
        figures={"rounds": found, "quix_ratio": quix, "raw_ratio": raw},
        notes=[
            f"ratios, median (95 %): {quix} of Quix Streams, {raw} of the raw loop",
            *(_speeds(arm, [one.arms[arm] for one in found]) for arm in (OURS, QUIX)),
            f"{len(sent):,} Segment calls of {sum(len(one.value) for one in sent) // len(sent)} bytes, one a message",
            f"first, both arms made the same {compared:,} events about the same people",
            f"raw loop: consume({CONSUME:,}) and orjson.loads, the median of {2 * RAW_PASSES} passes a round",
            "Quix: state on disk without changelog topics, as durable as SQLite; commits every 5 s, which its wall "
            "clock waits for at the end",
            "CPU: of the process with its threads; the broker's is nobody's",
        ],
    )


def _goal(name: str, measured: float, floor: float, aim: float) -> Goal:
    return Goal(name=name, measured=measured, floor=floor, aim=aim, higher_is_better=True)


def _compare(home: Path, sent: Sequence[RawOut], peer: Path, console: Console) -> int:
    with filled(home, sent, console) as (platform, lags):
        for arm in OUTPUTS:
            with running(arm, platform, peer, lags) as worker:
                worker.drain()
        return require_equal(platform.broker.bootstrap_servers, OUTPUTS[OURS], OUTPUTS[QUIX])


def _round(home: Path, sent: Sequence[RawOut], peer: Path, order: Sequence[str], console: Console) -> Round:
    distinct = len({one.value for one in sent})
    arms = {}
    with filled(home, sent, console) as (platform, lags):
        passes = _raw_loop(platform, len(sent))
        for arm in order:
            with running(arm, platform, peer, lags) as worker:
                arms[arm] = worker.timed(len(sent))
            if (made := lags.of("nobody", [OUTPUTS[arm]])) < distinct:  # a group that has read nothing
                raise LeadlineError(f"{arm} made {made} records of {distinct} events: some are missing")
        passes += _raw_loop(platform, len(sent))
    return Round(raw_loop=median(passes), arms=arms)


def _raw_loop(platform: Platform, total: int) -> list[float]:
    bootstrap = platform.broker.bootstrap_servers
    with on_core(0):
        return [total / cpu_seconds_of_reading(bootstrap, [TOPIC], total) for _ in range(RAW_PASSES)]


def _line(one: Round) -> str:
    quix = one.arms[QUIX].events_per_cpu_second
    return (
        f"[bold]{one.ours:,.0f}[/] events per CPU-second; Quix Streams {quix:,.0f}: {one.quix_ratio:.2f} of it; "
        f"raw loop {one.raw_loop:,.0f}: {one.raw_ratio:.3f} of it"
    )


def _speeds(arm: str, speeds: Sequence[Speed]) -> str:
    cpu = Spread.of([speed.events_per_cpu_second for speed in speeds])
    wall = Spread.of([speed.events_per_second for speed in speeds])
    return f"{arm}: {cpu.median:,.0f} events per CPU-second, {wall.median:,.0f} events/s on one core"
