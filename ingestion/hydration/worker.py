"""The hydration worker: reads the raw topics in a group of its own, notes what their messages ask for, and fetches it.

Invariant: offsets are committed after the asks behind them are in the table. Reading never waits for a vendor, and a
fetched message never asks for anything.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from ingestion.contracts.raw import FETCHED_FOR, SOURCE_ACCOUNT, SOURCE_SYSTEM, TRACEPARENT, RawMessage
from ingestion.decode import DEFAULT_ACCOUNT, elements
from ingestion.errors import Quarantine
from ingestion.hydration.apis import Api, Owner
from ingestion.hydration.companies import Companies
from ingestion.hydration.fetcher import Fetcher
from ingestion.hydration.table import FAILED, WAITING, Ask, Hydrations
from ingestion.kafka import AlignedConsumer, Record
from ingestion.metrics import HydrationMetrics
from ingestion.tracing import kept
from ingestion.worker import raw_of

log = logging.getLogger(__name__)

BATCH_MESSAGES = 1_000
POLL_SECONDS = 0.2
LOOK_SECONDS = 15.0  # between two counts of what waits


class HydrationWorker:
    """One member of the group."""

    def __init__(
        self,
        consumer: AlignedConsumer,
        fetchers: Mapping[Owner, Fetcher],
        hydrations: Hydrations,
        metrics: HydrationMetrics,
        *,
        companies: Companies | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`companies` asks for the firmographics of everybody who is named, if anybody is to be asked."""
        self._companies = companies
        self._consumer, self._fetchers = consumer, fetchers
        self._hydrations, self._metrics, self._clock = hydrations, metrics, clock
        self._looked_at = float("-inf")

    async def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what is being fetched then is finished.

        Raises:
            Stop: a person must look; nothing was committed that is not noted.
            Retry: the broker refused; start again.
        """
        fetching = [asyncio.ensure_future(fetcher.run()) for fetcher in self._fetchers.values()]
        try:
            while not stop.is_set() and not any(one.done() for one in fetching):  # done too early: it failed
                for owner in await asyncio.to_thread(self._step):
                    self._fetchers[owner].nudge()
        finally:
            for fetcher in self._fetchers.values():
                fetcher.stop()
            await asyncio.gather(*fetching)

    def _step(self) -> set[Owner]:
        """Read once; whose objects are asked for."""
        records = self._consumer.poll(BATCH_MESSAGES, POLL_SECONDS)
        asks = [ask for record in records for ask in self._asks(record)]
        self._hydrations.note(asks, self._clock())
        self._consumer.commit({(record.topic, record.partition): record.offset + 1 for record in records})
        self._look_around()
        return {(ask.system, ask.account) for ask in asks}

    def _asks(self, record: Record) -> Sequence[Ask]:
        headers = record.headers
        owner = headers.get(SOURCE_SYSTEM, ""), headers.get(SOURCE_ACCOUNT) or DEFAULT_ACCOUNT
        if FETCHED_FOR in headers:
            return ()
        fetcher, raw = self._fetchers.get(owner), raw_of(record)
        asks = [] if fetcher is None else list(asks_of(raw, fetcher.api, self._clock()))
        return asks if self._companies is None else [*asks, *self._companies.asks_of(raw)]

    def _look_around(self) -> None:
        """Count what waits and what failed, and forget what is too old to count; now and then."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        for owner, fetcher in self._fetchers.items():
            waiting, failed = (self._hydrations.count(owner, state) for state in (WAITING, FAILED))
            self._metrics.standing(fetcher.api.name, waiting, failed)
            self._hydrations.forget(owner, self._clock() - fetcher.api.max_age.total_seconds())


def asks_of(raw: RawMessage, api: Api, now: float) -> Iterator[Ask]:
    """What a raw message asks for. Elements that cannot be read ask for nothing: ingestion says what is wrong."""
    place = f"{raw.topic}/{raw.partition}/{raw.offset}"
    received, oldest = raw.received.timestamp(), now - api.max_age.total_seconds()
    trace = kept(raw.headers.get(TRACEPARENT, ""))
    for element in elements(raw):
        try:
            for about in api.vendor.asks(element):
                yield Ask(*api.owner, about, received, oldest, place, trace)
        except (Quarantine, msgspec.DecodeError, RecursionError):
            continue
