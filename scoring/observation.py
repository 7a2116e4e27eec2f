"""Counts and times requests. Paths appear as their templates, so that no lead id becomes a label."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scoring.metrics import ScoringMetrics


class Observe:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, metrics: ScoringMetrics) -> None:
        self._app = app
        self._requests = metrics.requests
        self._seconds = metrics.request_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._requests.labels(route, str(status)).inc()
            self._seconds.labels(route).observe(time.perf_counter() - started)
