"""The receiver as an ASGI application.

Invariant: 2xx means that Kafka has acknowledged the raw bytes durably; whatever is refused was not kept. The body is
judged for its sender only, not for its content: what a verified sender sends is stored, and ingestion quarantines it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Protocol

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from ingestion.contracts.raw import CONTENT_TYPE, RECEIVED_TIME, SEGMENT_CALL, TRACEPARENT
from ingestion.decode import subject
from ingestion.errors import DeliveryFailed
from ingestion.metrics import ReceiverMetrics
from ingestion.receiver.answers import RETRY_SECONDS, cors, messages, preflight, problem
from ingestion.receiver.body import Receive, SenderGone, read_body
from ingestion.receiver.connections import Connection
from ingestion.receiver.forms import around_form, is_plain_form, thanks
from ingestion.receiver.limits import AddressList, Delivered
from ingestion.receiver.request import Answer, Refused, Request
from ingestion.receiver.shared_keys import WriteKey
from ingestion.receiver.signatures import WINDOW
from ingestion.tracing import continued, traced

log = logging.getLogger(__name__)

NOBODY = AddressList()
CALLS = ("identify", "track", "page", "screen", "group", "alias", "batch")
# By the last word of their paths. Libraries in browsers and phones say the first letter, older ones `import`:
# github.com/segmentio/analytics-next, packages/browser/src/plugins/segmentio; segmentio/analytics-ruby, defaults.rb.
SEGMENT_CALLS = {call: call for call in CALLS} | {call[0]: call for call in CALLS} | {"import": "batch"}

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answered = tuple[Connection | None, Answer]


class Outlet(Protocol):
    """Where raw messages go."""

    async def append(self, topic: str, key: str | None, value: bytes, headers: Mapping[str, str]) -> None:
        """Resume when the message is durable; raise `DeliveryFailed` if that cannot be said in time."""

    def ready(self) -> bool:
        """Whether the broker answers. May block for two seconds."""


class Receiver:
    """Answers senders. One event loop only."""

    def __init__(
        self,
        connections: Mapping[str, Connection],
        outlet: Outlet,
        metrics: ReceiverMetrics,
        *,
        base_url: str = "",
        trusted_proxies: AddressList = NOBODY,
        tracer: Tracer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Args:
        base_url: scheme and host by which senders know us; else the request's host, by https.
        trusted_proxies: whose `X-Forwarded-For` is believed.
        tracer: keeps a span of each request to a connection, if there is one.
        clock: epoch seconds.
        """
        self._at_path = {f"/in/{name}": one for name, one in connections.items()}
        self._by_write_key = {
            secret: one
            for one in connections.values()
            if isinstance(one.sender.scheme, WriteKey)
            for secret in one.secrets
        }
        self._outlet, self._metrics, self._tracer, self._clock = outlet, metrics, tracer, clock
        self._base_url = base_url.rstrip("/")
        self._proxies = trusted_proxies
        self._delivered = Delivered(2 * WINDOW.total_seconds())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        began, headers = time.perf_counter(), dict(scope["headers"])
        with self._span(scope, headers) as span:
            try:
                connection, answer = await self._answer(scope, headers, receive)
            except SenderGone:
                self._metrics.aborted()
                return
            start, body = messages(answer)
            await send(start)
            await send(body)
            if connection is not None:
                self._metrics.answered(connection.name, answer.status, time.perf_counter() - began)
            if span.is_recording():
                _describe(span, connection, answer)

    def _span(self, scope: Scope, headers: Mapping[bytes, bytes]) -> AbstractContextManager[Span]:
        """A request to a connection, continuing its sender's trace. Paths are anybody's words and not in it."""
        if self._tracer is None or not scope["path"].startswith(("/in/", "/v1/")):
            return traced(None, "")
        route = "/in/{connection}" if scope["path"].startswith("/in/") else "/v1/{call}"
        sender = headers.get(b"traceparent", b"").decode("latin-1")
        return traced(self._tracer, f"{scope['method']} {route}", SpanKind.SERVER, sender)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answered:
        path: str = scope["path"]
        connection = self._at_path.get(path)
        try:
            if connection is not None:
                return connection, await self._take(connection, scope, headers, receive)
            if path.startswith("/v1/"):
                return await self._call(path[4:].rstrip("/"), scope, headers, receive)
            return None, await self._own(path)
        except Refused as refusal:
            return connection, _told(refusal, connection, headers)

    async def _own(self, path: str) -> Answer:
        if path == "/healthz":
            return Answer(200, b'{"status":"alive"}')
        if path == "/readyz":
            if await asyncio.to_thread(self._outlet.ready):
                return Answer(200, b'{"status":"ready"}')
            raise Refused(503, "the broker does not answer", RETRY_SECONDS)
        raise Refused(404, "no such connection; the connections file names each, and its path is /in/{connection}")

    async def _take(
        self, connection: Connection, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> Answer:
        """One request to a connection of its own."""
        self._require_listed(connection, scope, headers)
        method: str = scope["method"]
        if method != "POST":
            return self._handshake(connection, method, self._request(scope, headers, b""))
        body = await read_body(receive, headers, connection.max_body_bytes)
        request = self._request(scope, headers, body)
        now = self._clock()
        connection.sender.scheme.check(request, connection.secrets, now)
        if is_plain_form(connection, request):
            taken = await self._keep(connection, request, now, around_form(request))
            return thanks(connection, request) or taken
        return await self._keep(connection, request, now)

    async def _call(self, word: str, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answered:
        """Segment's HTTP API: the write key says whose call it is."""
        call = SEGMENT_CALLS.get(word)
        if call is None:
            raise Refused(404, f"expected /v1/ and one of {', '.join(CALLS)}")
        if scope["method"] == "OPTIONS":  # of a browser, before it knows a key
            origin = headers.get(b"origin", b"").decode("latin-1")
            known = (one for one in self._by_write_key.values() if origin in one.origins)
            return None, preflight(next(known, None), headers)
        if scope["method"] != "POST":
            raise Refused(405, "expected POST")
        cap = max((one.max_body_bytes for one in self._by_write_key.values()), default=0)
        request = self._request(scope, headers, await read_body(receive, headers, cap))
        connection = self._by_write_key.get(WriteKey().given(request).encode())
        if connection is None:
            raise Refused(401, "the write key is missing or not one of ours")
        try:
            self._require_listed(connection, scope, headers)
            return connection, await self._keep(connection, request, self._clock(), {SEGMENT_CALL: call})
        except Refused as refusal:
            return connection, _told(refusal, connection, headers)

    def _require_listed(self, connection: Connection, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if connection.allow and self._caller(scope, headers) not in connection.allow:
            raise Refused(403, "the address is not on this connection's allow list")
        if connection.sender.browsers and b"origin" in headers and not cors(connection, headers):
            raise Refused(403, "the website is not one of this connection's origins")

    def _handshake(self, connection: Connection, method: str, request: Request) -> Answer:
        if method == "OPTIONS" and connection.sender.browsers:
            return preflight(connection, request.headers)
        handshake = connection.sender.handshakes.get(method)
        if handshake is None:
            raise Refused(405, "expected POST")
        return handshake(request, connection.verify_token)

    async def _keep(
        self, connection: Connection, request: Request, now: float, more: Mapping[str, str] | None = None
    ) -> Answer:
        """Store a request whose sender is known, and answer it."""
        if wait := connection.bucket.take(time.monotonic()):
            raise Refused(429, "more requests a second than this connection may send", max(1, round(wait)))
        answer = connection.sender.answer.having(cors(connection, request.headers))
        # A stamped delivery that comes again inside its window, from its sender or from whoever overheard it.
        delivery = _digest(connection, request) if connection.sender.scheme.stamped else None
        if delivery is not None and delivery in self._delivered:
            self._metrics.repeated(connection.name)
            return answer
        headers = {
            **connection.headers,
            CONTENT_TYPE: request.header(b"content-type"),
            RECEIVED_TIME: datetime.fromtimestamp(now, UTC).isoformat(),
            TRACEPARENT: continued(request.header(b"traceparent")),
            **_cloudevents_attributes(request.headers),
            **(more or {}),
        }
        try:
            body = connection.sender.redact(request.body)
            key = subject(body, headers, connection.adapter)
            await self._outlet.append(connection.adapter.SOURCE.topic, key, body, headers)
        except RecursionError:
            raise Refused(400, "the body is nested too deeply") from None
        except DeliveryFailed as failure:
            log.warning("connection %s: not stored: %s", connection.name, failure)
            raise Refused(503, "the event could not be stored durably; send it again", RETRY_SECONDS) from None
        if delivery is not None:
            self._delivered.remember(delivery, time.monotonic())
        self._metrics.stored(connection.name, len(body))
        return answer

    def _request(self, scope: Scope, headers: Mapping[bytes, bytes], body: bytes) -> Request:
        path: bytes = scope["raw_path"]
        query: bytes = scope["query_string"]
        return Request(scope["method"], path.decode("latin-1"), query.decode("latin-1"), headers, body, self._base_url)

    def _caller(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """The address of who called; behind trusted proxies, the last one that none of them is."""
        address: str = scope["client"][0] if scope.get("client") else ""
        if address not in self._proxies:
            return address
        for hop in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            address = hop.strip()
            if address not in self._proxies:
                break
        return address


def _describe(span: Span, connection: Connection | None, answer: Answer) -> None:
    span.set_attribute("http.response.status_code", answer.status)
    if connection is not None:
        span.set_attribute("leadline.connection", connection.name)
    if answer.status >= 500:
        span.set_status(StatusCode.ERROR)


def _told(refusal: Refused, connection: Connection | None, headers: Mapping[bytes, bytes]) -> Answer:
    if connection is not None:
        log.info("connection %s: %d, %s", connection.name, refusal.status, refusal)
    return problem(refusal, cors(connection, headers))


def _digest(connection: Connection, request: Request) -> bytes:
    return blake2b(connection.name.encode() + b"\x00" + request.body, digest_size=16).digest()


def _cloudevents_attributes(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """An event in binary mode keeps its attributes, under the names of CloudEvents' Kafka binding."""
    if b"ce-specversion" not in headers:
        return {}
    sent = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.items())
    return {f"ce_{name[3:]}": value for name, value in sent if name.startswith("ce-")}
