"""Publish to readable online, at a pace: the whole way through Leadline beside Quix Streams with Feast's push.

Both read one raw topic and serve from SQLite on this disk. What is measured begins before a message is handed to the
producer, and ends when a reader, who looks all the while, finds that the lead's row holds the event. One clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from benchmarks.freshening import CHECKPOINT_SECONDS, OURS, QUIX, Arm, running
from benchmarks.ingesting import filled
from benchmarks.machine import Load, LoadMeter
from benchmarks.peers.environment import environment, peer_versions
from benchmarks.result import Goal, Result, Spread, machine, now, versions
from benchmarks.watching import EVENTS_PER_SECOND, LOOK_EVERY_SECONDS, PROBE_EVERY, calls_of, lead_of, watch
from ingestion.identity.hashing import KeyedHash
from ingestion.kafka import DurableProducer
from ingestion.settings import PlatformSettings
from leadline.errors import LeadlineError

WARM_UP_SECONDS, SECONDS = 10, 10  # a broker that has just started answers late for some seconds
FLOOR_MS, AIM_MS = 1_000, 100
TIMES_FLOOR, TIMES_AIM = 10, 20  # fresher than the other


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One arm, once. Milliseconds."""

    p50: float
    p99: float
    probes: int
    load: Load


def run(folder: Path, *, rounds: int, console: Console) -> Result:
    """Measure `rounds` times, each in an empty home below `folder`."""
    peer, found = environment("quix_feast", folder / "peers"), list[dict[str, Segment]]()
    for number in range(rounds):
        order = (OURS, QUIX) if number % 2 == 0 else (QUIX, OURS)
        with console.status(f"round {number + 1} of {rounds}"):
            found.append(_round(folder / "home", peer, order, console))
        console.print(f"round {number + 1}: " + "; ".join(_line(arm, found[-1][arm]) for arm in (OURS, QUIX)))
    ours, times = Spread.of([one[OURS].p99 for one in found]), _times(found, "p99")
    return Result(
        benchmark="freshness",
        made_at=now(),
        machine=machine(),
        load={f"{arm}, last round": segment.load for arm, segment in found[-1].items()},
        versions=versions(**peer_versions(peer, "quixstreams", "feast", "confluent-kafka", "rocksdict", "pandas")),
        goals=[
            Goal(name="p99, ms", measured=ours.high, floor=FLOOR_MS, aim=AIM_MS, higher_is_better=False),
            Goal(
                name="p99: Quix Streams' and feast push's ÷ ours",
                measured=times.low,
                floor=TIMES_FLOOR,
                aim=TIMES_AIM,
                higher_is_better=True,
            ),
        ],
        figures={"rounds": found, "times fresher": {name: _times(found, name) for name in ("p50", "p99")}},
        notes=[
            f"times fresher, median (95 %): p50 {_times(found, 'p50')}, p99 {times}",
            *(_spreads(arm, [one[arm] for one in found]) for arm in (OURS, QUIX)),
            f"{EVENTS_PER_SECOND:,} events/s for {SECONDS} s after {WARM_UP_SECONDS} s that do not count; one in "
            f"{PROBE_EVERY} is watched for, every {LOOK_EVERY_SECONDS * 1000:.0f} ms",
            "each arm on one core, broker, sender and reader on the other; SQLite on disk, written ahead, for both",
            "after each round both served the same page views of every visitor that never signed in",
            f"Quix: at-least-once, state on disk, a checkpoint and one push every {CHECKPOINT_SECONDS} s; it keeps no "
            "history offline, as Feast's file store would be rewritten by each push, and joins no two people",
        ],
    )


def _round(home: Path, peer: Path, order: Sequence[str], console: Console) -> dict[str, Segment]:
    with filled(home, (), console) as (platform, lags):
        hashes, sent, made, reads = KeyedHash(platform.settings.identity_key_bytes), Counter[str](), {}, {}
        for number, name in enumerate(order):
            with running(name, platform, peer, lags) as arm:
                made[name], reads[name] = _measure(arm, hashes, number, platform.settings, sent), arm
        with running(order[0], platform, peer, lags) as arm:  # which has not seen what came in the other's turn
            arm.drain()
        _require_equal(reads, hashes, sent)
    return made


def _measure(arm: Arm, hashes: KeyedHash, number: int, settings: PlatformSettings, viewed: Counter[str]) -> Segment:
    """Send and watch. `viewed` is told of each page view of a watched visitor."""
    warm, counting = (seconds * EVENTS_PER_SECOND for seconds in (WARM_UP_SECONDS, SECONDS))
    calls = calls_of(warm + counting, first=number * 1_000_000)
    viewed.update(call.cookie for call in calls if call.watched and call.body["type"] == "page")
    with closing(DurableProducer(settings.kafka_bootstrap_servers)) as producer:
        watch(calls[:warm], producer, arm.newest, hashes)
        producer.flush()
        arm.drain()
        meter, taken = LoadMeter(), watch(calls[warm:], producer, arm.newest, hashes)
        load = meter.read()
        producer.flush()
        arm.drain()
    p50, p99 = np.percentile(np.asarray(taken) * 1000, [50, 99])
    return Segment(p50=float(p50), p99=float(p99), probes=len(taken), load=load)


def _require_equal(arms: Mapping[str, Arm], hashes: KeyedHash, viewed: Counter[str]) -> None:
    """Raises `LeadlineError` unless both arms serve what was sent."""
    leads = [lead_of(cookie, hashes) for cookie in viewed]
    for name, arm in arms.items():
        wrong = [
            lead for lead, views, right in zip(leads, arm.views(leads), viewed.values(), strict=True) if views != right
        ]
        if wrong:
            raise LeadlineError(
                f"{name} serves wrong page views of {len(wrong)} of {len(leads)} leads, e.g. {wrong[0]}"
            )


def _times(found: Sequence[Mapping[str, Segment]], figure: str) -> Spread:
    return Spread.of([getattr(one[QUIX], figure) / getattr(one[OURS], figure) for one in found])


def _line(arm: str, segment: Segment) -> str:
    return f"{arm}: p50 [bold]{segment.p50:,.0f}[/], p99 [bold]{segment.p99:,.0f}[/] ms of {segment.probes} events"


def _spreads(arm: str, segments: Sequence[Segment]) -> str:
    p50, p99 = (Spread.of([getattr(one, name) for one in segments]) for name in ("p50", "p99"))
    return f"{arm}: p50 {p50} ms, p99 {p99} ms"
