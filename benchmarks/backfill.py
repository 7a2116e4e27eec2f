"""A feature set filled from the lake: how fast, in how much memory, and that nothing is missing.

The lake is written by the lake's own means, the backfill runs in a process of its own as the command does. Before the
clock counts, the features of a sample are held to the SQL recompute.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import time
from base64 import b32encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import track

from benchmarks.machine import LoadMeter
from benchmarks.result import Goal, Result, machine, now, versions
from feature_repo.apply import apply
from features.app import backfill_of, comparison_of
from ingestion.contracts.event import (
    Actor,
    Channel,
    Event,
    EventData,
    EventType,
    Identifier,
    IdentifierType,
    ObjectRef,
    RawPointer,
    encode_json,
)
from ingestion.lake import EventsTable, event_row
from ingestion.settings import PlatformSettings
from leadline.errors import StackError

A_PERSON, AN_ACCOUNT = 30, 5  # events of each, people of each
AT_ONCE = 20_000
STREAMS = [(topic, partition) for topic in ("raw.crm", "raw.product", "raw.marketing") for partition in range(4)]
SAMPLE = 0.02  # of the leads, and at most so many:
MOST_LEADS = 500
MINUTE_FLOOR, MINUTE_AIM = 500_000.0, 1_000_000.0
MEMORY_FLOOR, MEMORY_AIM = 4.0, 2.0
KEY = "11" * 32
SAID: list[tuple[EventType, Channel, Actor, dict[str, Any]]] = [
    (EventType.WEB_PAGE_VIEWED, Channel.WEB, Actor.USER, {"path": "/blog/streaming", "referrer": "search"}),
    (EventType.WEB_PAGE_VIEWED, Channel.WEB, Actor.USER, {"path": "/pricing", "referrer": "direct"}),
    (EventType.PRODUCT_FEATURE_USED, Channel.PRODUCT, Actor.USER, {"feature": "export"}),
    (EventType.PRODUCT_SESSION_STARTED, Channel.PRODUCT, Actor.USER, {}),
    (EventType.EMAIL_OPENED, Channel.MAP, Actor.USER, {}),
    (EventType.EMAIL_DELIVERED, Channel.MAP, Actor.AUTOMATION, {}),
    (EventType.CONTACT_CHANGED, Channel.CRM, Actor.STAFF, {"jobtitle": "VP Sales", "numberofemployees": "120"}),
    (EventType.CRM_STAGE_CHANGED, Channel.CRM, Actor.STAFF, {"dealstage": "contractsent", "amount": "1200"}),
]
WEIGHTS = (30, 8, 20, 10, 12, 14, 4, 2)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What one backfill took."""

    records: int
    seconds: float
    cpu_seconds: float
    resident_bytes: int  # at most


def run(folder: Path, *, events: int, console: Console) -> Result:
    """Write a lake of so many events below `folder` and fill a feature set from it.

    Raises:
        StackError: a feature differs from the recompute.
    """
    home = folder / "backfill"
    shutil.rmtree(home, ignore_errors=True)
    settings = PlatformSettings.model_validate(
        {"home": home, "kafka_bootstrap_servers": "nobody:1", "identity_key": KEY, "master_key": KEY}
    )
    table = EventsTable(settings.lake)
    batches = track(_in_batches(happened(events)), "writing the lake", total=events // AT_ONCE, console=console)
    for number, batch in enumerate(batches):
        table.append([event_row(event, encode_json(event)) for event in batch], {"benchmark": number})
    apply(settings)
    meter = LoadMeter()
    with multiprocessing.get_context("spawn").Pool(1) as process:
        done = process.apply(_filled, (settings,))
    load = meter.read()
    _require_parity(settings)
    return Result(
        benchmark="backfill",
        made_at=now(),
        machine=machine(),
        load={"the backfill": load},
        versions=versions(),
        goals=[
            Goal(
                name="events a minute",
                measured=done.records / done.seconds * 60,
                floor=MINUTE_FLOOR,
                aim=MINUTE_AIM,
                higher_is_better=True,
            ),
            Goal(
                name="memory, GiB",
                measured=done.resident_bytes / 2**30,
                floor=MEMORY_FLOOR,
                aim=MEMORY_AIM,
                higher_is_better=False,
            ),
        ],
        figures={"run": done},
        notes=[
            f"{done.records:,} events of {events // A_PERSON:,} people in {done.seconds:.0f} s, "
            f"{done.cpu_seconds / done.records * 1e6:.0f} µs CPU an event, the sort and its reading included",
            "a row of history for each change of a lead and of an account; SQLite online, one process",
        ],
    )


def _filled(settings: PlatformSettings) -> Run:
    began, cpu = time.monotonic(), time.process_time()
    done = backfill_of(settings, dict).run()
    return Run(
        records=done.total,
        seconds=time.monotonic() - began,
        cpu_seconds=time.process_time() - cpu,
        resident_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _require_parity(settings: PlatformSettings) -> None:
    comparison = comparison_of(settings)
    look = comparison.look(comparison.sampled(SAMPLE, limit=MOST_LEADS), {})
    if look.disorderly or not look.compared:
        raise StackError(f"{len(look.disorderly)} of {len(look.compared)} leads differ from the recompute")


def happened(events: int) -> Iterator[Event]:
    """A year of people's acts as they were received, spread over the raw partitions."""
    rng, end = Random(7), datetime(2026, 1, 1, tzinfo=UTC)  # noqa: S311  # the same every time
    people, offsets = max(1, events // A_PERSON), dict.fromkeys(STREAMS, 0)
    for number in range(events):
        at = end - timedelta(days=365) * (1 - number / events)
        person, stream = rng.randrange(people), rng.choice(STREAMS)
        offsets[stream] += 1
        yield _event(person, at, RawPointer(*stream, offsets[stream], 0, "0" * 64), rng)


def _event(person: int, at: datetime, raw: RawPointer, rng: Random) -> Event:
    kind, channel, actor, properties = rng.choices(SAID, WEIGHTS)[0]
    lead, account = f"ld_{_id(person)}", f"ac_{_id(person // AN_ACCOUNT)}"
    return Event(
        id=f"{raw.stream}/{raw.offset}",
        source="/t/demo/benchmark",
        type=kind,
        time=at - timedelta(seconds=rng.expovariate(1 / 30)),
        receivedtime=at,
        tenant="demo",
        lead=lead,
        partitionkey=account,
        account=account,
        data=EventData(
            channel=channel,
            actor=actor,
            identifiers=(Identifier(IdentifierType.USER_ID, _id(person) * 2, True),),
            object=ObjectRef("deal", f"d{person}") if kind is EventType.CRM_STAGE_CHANGED else None,
            properties=properties,
        ),
        raw=raw,
    )


@cache
def _id(number: int) -> str:
    return b32encode(sha256(b"%d" % number).digest())[:26].decode().lower()


def _in_batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    source = iter(events)
    while batch := list(islice(source, AT_ONCE)):
        yield batch
