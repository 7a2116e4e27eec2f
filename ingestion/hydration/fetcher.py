"""Fetches what waits for one API, within its rate, a few objects at once; other APIs have fetchers of their own.

Invariant: an object is marked fetched after its answer is acknowledged by all in-sync replicas. A process that dies in
between leaves it waiting, and the same answer, fetched again, makes the same events.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from opentelemetry.trace import SpanKind, StatusCode, Tracer

from ingestion.contracts.raw import (
    CONNECTION,
    CONTENT_TYPE,
    FETCHED_FOR,
    RECEIVED_TIME,
    SOURCE_ACCOUNT,
    SOURCE_SYSTEM,
    TRACEPARENT,
)
from ingestion.decode import subject
from ingestion.errors import FetchDelayed, FetchRefused, Retry
from ingestion.hydration.apis import Api
from ingestion.hydration.client import ASK_SECONDS
from ingestion.hydration.table import FETCHED, Hydrations, Task
from ingestion.hydration.vendor import Wanted
from ingestion.metrics import HydrationMetrics
from ingestion.receiver.asgi import Outlet
from ingestion.tracing import continued, traced

log = logging.getLogger(__name__)

IN_FLIGHT = 4  # questions to one API at once
IDLE_SECONDS = 1.0  # between two looks at what has come due

_random = random.Random()  # noqa: S311  # spreads retries, keeps no secret


@dataclass(frozen=True)
class Patience:
    """How long for what, in seconds, and how often. As it stands, an API that is down is asked for a day."""

    ask: float = ASK_SECONDS
    first_pause: float = 1.0  # doubled with every failed attempt
    longest_pause: float = 900.0
    attempts: int = 105
    lease: float = 60.0  # an object whose fetcher died comes up again; longer than asking and publishing may take

    def pause(self, failed: int) -> float:
        """Before the next attempt, after so many that failed: between half and all of a doubling pause."""
        return min(self.longest_pause, self.first_pause * 2.0 ** min(failed, 30)) * _random.uniform(0.5, 1.0)


class Fetcher:
    """One API's. One event loop only."""

    def __init__(
        self,
        api: Api,
        ask: Callable[[Wanted], Awaitable[bytes | None]],
        hydrations: Hydrations,
        outlet: Outlet,
        metrics: HydrationMetrics,
        *,
        patience: Patience,
        tracer: Tracer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`ask` says None where there is no such object, which is an answer; it raises what `client.ask` does."""
        self.api = api
        self._ask, self._hydrations, self._outlet, self._metrics = ask, hydrations, outlet, metrics
        self._patience, self._tracer, self._clock = patience, tracer, clock
        self._turn = asyncio.Lock()  # one at a time looks for the next object
        self._news = asyncio.Event()
        self._stopping = False
        self._has_token = False
        self._paused_until = 0.0  # monotonic: the API asked us to be slower
        self._throttles = 0  # how often in a row it did

    async def run(self) -> None:
        """Fetch until `stop`; what is in flight is finished. Raises what the database raises."""
        await asyncio.gather(*(self._work() for _ in range(IN_FLIGHT)))

    def nudge(self) -> None:
        """Something may wait."""
        self._news.set()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping = True
        self._news.set()

    async def _work(self) -> None:
        while (task := await self._next()) is not None:
            await self._fetch(task)

    async def _next(self) -> Task | None:
        """The next object, once it is due and the rate allows for it; none when told to stop."""
        async with self._turn:
            while not self._stopping:
                self._news.clear()
                wait = self._held_for()
                if not wait:
                    task = await asyncio.to_thread(
                        self._hydrations.take, self.api.owner, self._clock(), self._patience.lease
                    )
                    if task is not None:
                        self._has_token = False
                        return task
                    wait = IDLE_SECONDS
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), wait)
        return None

    def _held_for(self) -> float:
        """Seconds until a question may be asked."""
        now = time.monotonic()
        if now < self._paused_until:
            return self._paused_until - now
        wait = 0.0 if self._has_token else self.api.bucket.take(now)
        self._has_token = not wait
        return wait

    async def _fetch(self, task: Task) -> None:
        asked, began = self._clock(), time.perf_counter()
        with traced(self._tracer, f"fetch {task.kind}", SpanKind.CLIENT, task.traceparent) as span:
            outcome = await self._outcome(task, asked)
            span.set_attributes({"leadline.connection": self.api.name, "leadline.outcome": outcome})
            span.set_status(StatusCode.OK if outcome == FETCHED else StatusCode.ERROR)
        self._metrics.asked(self.api.name, outcome, time.perf_counter() - began)

    async def _outcome(self, task: Task, asked: float) -> str:
        try:
            answer = await self._ask(task.about)
            if answer is not None:
                await self._publish(task, self.api.vendor.wrap(task.about, answer))
        except Retry as delay:
            return await self._delay(task, delay)
        except FetchRefused as refusal:
            return await self._give_up(task, str(refusal))
        self._throttles = 0
        await asyncio.to_thread(self._hydrations.fetched, task, asked, self._clock())
        return FETCHED

    async def _publish(self, task: Task, body: bytes) -> None:
        adapter, now = self.api.adapter, datetime.fromtimestamp(self._clock(), UTC)
        headers = {
            SOURCE_SYSTEM: task.system,
            SOURCE_ACCOUNT: task.account,
            CONNECTION: self.api.name,
            CONTENT_TYPE: "application/json",
            RECEIVED_TIME: now.isoformat(),
            TRACEPARENT: continued(task.traceparent),
            FETCHED_FOR: task.asked_by,
        }
        try:
            key = subject(body, headers, adapter)
        except RecursionError:
            raise FetchRefused("the answer is nested too deeply to be read") from None
        await self._outlet.append(adapter.SOURCE.topic, key, body, headers)

    async def _delay(self, task: Task, delay: Retry) -> str:
        if task.attempts + 1 >= self._patience.attempts:
            return await self._give_up(task, f"{delay}; given up after {task.attempts + 1} attempts")
        pause = self._patience.pause(task.attempts)
        if isinstance(delay, FetchDelayed):
            pause = max(pause, delay.after or 0.0)
            if delay.throttled:
                pause = max(pause, self._hold(delay.after or 0.0))
        log.info("connection %s: %s %s: %s; again in %.0f s", self.api.name, task.kind, task.object, delay, pause)
        await asyncio.to_thread(self._hydrations.later, task, self._clock() + pause, str(delay))
        return "delayed"

    def _hold(self, wanted: float) -> float:
        """Ask nothing for `wanted` seconds, and longer each time in a row that we were too fast; the seconds held."""
        now = time.monotonic()
        if now >= self._paused_until:  # else another question in flight was told the same
            wanted = max(wanted, self._patience.pause(self._throttles))
            self._throttles += 1
        self._paused_until = max(self._paused_until, now + wanted)
        return self._paused_until - now

    async def _give_up(self, task: Task, reason: str) -> str:
        log.warning("connection %s: %s %s: %s", self.api.name, task.kind, task.object, reason)
        await asyncio.to_thread(self._hydrations.failed, task, self._clock(), reason)
        return "failed"
