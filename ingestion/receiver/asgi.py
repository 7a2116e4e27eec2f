"""The receiver as an ASGI application.

Invariant: 2xx means that Kafka has acknowledged the raw bytes durably; whatever is refused was not kept. The body is
judged for its sender only, not for its content: what a verified sender sends is stored, and ingestion quarantines it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from ingestion.contracts.raw import CONNECTION, CONTENT_TYPE, RECEIVED_TIME, SOURCE_ACCOUNT, SOURCE_SYSTEM, TRACEPARENT
from ingestion.decode import subject
from ingestion.errors import DeliveryFailed
from ingestion.metrics import ReceiverMetrics
from ingestion.receiver.body import Receive, SenderGone, read_body, require_shallow
from ingestion.receiver.connections import Connection
from ingestion.receiver.limits import AddressList, Delivered
from ingestion.receiver.request import Answer, Refused, Request
from ingestion.receiver.signatures import WINDOW, WriteKey
from ingestion.tracing import continued

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
NOBODY = AddressList()
SEGMENT_CALLS = frozenset({"identify", "track", "page", "screen", "group", "alias", "batch"})

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Clock = Callable[[], float]


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
        clock: Clock = time.time,
    ) -> None:
        """Args:
        base_url: scheme and host by which senders know us, where a proxy stands between; else as each request says.
        trusted_proxies: whose `X-Forwarded-For` is believed.
        clock: epoch seconds.
        """
        self._connections = connections
        self._by_write_key = {
            secret: one
            for one in connections.values()
            if isinstance(one.sender.scheme, WriteKey)
            for secret in one.secrets
        }
        self._outlet, self._metrics, self._clock = outlet, metrics, clock
        self._base_url = base_url.rstrip("/")
        self._proxies = trusted_proxies
        self._delivered = Delivered(2 * WINDOW.total_seconds())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        began = time.perf_counter()
        headers = dict(scope["headers"])
        try:
            connection, answer = await self._answer(scope, headers, receive)
        except SenderGone:
            self._metrics.aborted()
            return
        await _respond(send, answer)
        if connection is not None:
            self._metrics.answered(connection.name, answer.status, time.perf_counter() - began)

    async def _answer(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> tuple[Connection | None, Answer]:
        path: str = scope["path"]
        connection: Connection | None = None
        try:
            if path.startswith("/in/"):
                connection = self._connections.get(path[4:])
                if connection is None:
                    raise Refused(404, "no such connection; the connections file names each")
                return connection, await self._take(connection, scope, headers, receive)
            if path.startswith("/v1/"):
                return await self._call(path[4:], scope, headers, receive)
            return None, self._own(path)
        except Refused as refusal:
            if connection is not None:
                log.info("connection %s: %d, %s", connection.name, refusal.status, refusal)
            return connection, _problem(refusal, _cors(connection, headers))

    def _own(self, path: str) -> Answer:
        if path == "/healthz":
            return Answer(200, b'{"status":"alive"}')
        if path == "/readyz":
            if self._outlet.ready():
                return Answer(200, b'{"status":"ready"}')
            raise Refused(503, "the broker does not answer", RETRY_SECONDS)
        raise Refused(404, "expected /in/{connection}")

    async def _take(
        self, connection: Connection, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> Answer:
        """One request to a connection of its own."""
        self._admit(connection, scope, headers)
        method: str = scope["method"]
        if method != "POST":
            return self._handshake(connection, method, self._request(scope, headers, b""))
        body = await read_body(
            receive, headers.get(b"content-length"), headers.get(b"content-encoding", b""), connection.max_body_bytes
        )
        request = self._request(scope, headers, body)
        now = self._clock()
        connection.sender.scheme.check(request, connection.secrets, now)
        return await self._keep(connection, request, now, {})

    async def _call(
        self, call: str, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> tuple[Connection | None, Answer]:
        """Segment's HTTP API: the write key says whose call it is."""
        if call not in SEGMENT_CALLS:
            raise Refused(404, f"expected /v1/ and one of {', '.join(sorted(SEGMENT_CALLS))}")
        if scope["method"] == "OPTIONS":  # of a browser, before it knows a key
            origin = headers.get(b"origin", b"").decode("latin-1")
            known = (one for one in self._by_write_key.values() if origin in one.origins)
            return None, _preflight(next(known, None), headers)
        if scope["method"] != "POST":
            raise Refused(405, "expected POST")
        cap = max((one.max_body_bytes for one in self._by_write_key.values()), default=0)
        body = await read_body(receive, headers.get(b"content-length"), headers.get(b"content-encoding", b""), cap)
        request = self._request(scope, headers, body)
        connection = self._by_write_key.get(WriteKey().given(request).encode())
        if connection is None:
            raise Refused(401, "the write key is missing or not one of ours")
        try:
            self._admit(connection, scope, headers)
            return connection, await self._keep(connection, request, self._clock(), {"segment-call": call})
        except Refused as refusal:
            return connection, _problem(refusal, _cors(connection, headers))

    def _admit(self, connection: Connection, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if connection.allow and self._caller(scope, headers) not in connection.allow:
            raise Refused(403, "the address is not on this connection's allow list")
        if wait := connection.bucket.take(time.monotonic()):
            raise Refused(429, "more requests a second than this connection may send", max(1, round(wait)))
        if connection.sender.browsers and b"origin" in headers and not _cors(connection, headers):
            raise Refused(403, "the website is not one of this connection's origins")

    def _handshake(self, connection: Connection, method: str, request: Request) -> Answer:
        if method == "OPTIONS" and connection.sender.browsers:
            return _preflight(connection, request.headers)
        handshake = connection.sender.handshakes.get(method)
        if handshake is None:
            raise Refused(405, "expected POST")
        return handshake(request, connection.verify_token)

    async def _keep(self, connection: Connection, request: Request, now: float, more: dict[str, str]) -> Answer:
        require_shallow(request.body)
        # A stamped delivery that comes again inside its window, from its sender or from whoever overheard it.
        delivery = _digest(connection, request) if connection.sender.scheme.stamped else None
        cors = _cors(connection, request.headers)
        answer = connection.sender.answer
        if cors:
            answer = replace(answer, headers=answer.headers + cors)
        if delivery is not None and delivery in self._delivered:
            self._metrics.repeated(connection.name)
            return answer
        source = connection.adapter.SOURCE
        headers = {
            SOURCE_SYSTEM: source.system,
            SOURCE_ACCOUNT: connection.account,
            CONTENT_TYPE: request.header(b"content-type"),
            RECEIVED_TIME: datetime.fromtimestamp(now, UTC).isoformat(),
            CONNECTION: connection.name,
            TRACEPARENT: continued(request.header(b"traceparent")),
            **{
                f"ce_{name[3:].decode()}": value.decode("latin-1")
                for name, value in request.headers.items()
                if name.startswith(b"ce-")
            },
            **more,
        }
        key = subject(request.body, headers, connection.adapter)
        try:
            await self._outlet.append(source.topic, key, request.body, headers)
        except DeliveryFailed as failure:
            log.warning("connection %s: not stored: %s", connection.name, failure)
            raise Refused(503, "the event could not be stored durably; send it again", RETRY_SECONDS) from None
        if delivery is not None:
            self._delivered.remember(delivery, time.monotonic())
        self._metrics.stored(connection.name, len(request.body))
        return answer

    def _request(self, scope: Scope, headers: Mapping[bytes, bytes], body: bytes) -> Request:
        base = self._base_url or f"{scope['scheme']}://{headers.get(b'host', b'').decode('latin-1')}"
        raw = scope.get("raw_path") or scope["path"].encode()
        return Request(
            scope["method"], raw.decode("latin-1"), scope["query_string"].decode("latin-1"), headers, body, base
        )

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


def _digest(connection: Connection, request: Request) -> bytes:
    return blake2b(connection.name.encode() + b"\x00" + request.body, digest_size=16).digest()


def _cors(connection: Connection | None, headers: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    origin = headers.get(b"origin", b"")
    if connection is None or not connection.sender.browsers or origin.decode("latin-1") not in connection.origins:
        return ()
    return ((b"access-control-allow-origin", origin), (b"vary", b"origin"))


def _preflight(connection: Connection | None, headers: Mapping[bytes, bytes]) -> Answer:
    cors = _cors(connection, headers)
    if not cors:
        raise Refused(403, "the website is not one of this connection's origins")
    return Answer(
        204,
        headers=(
            *cors,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"authorization, content-type"),
            (b"access-control-max-age", b"600"),
        ),
    )


def _problem(refusal: Refused, headers: tuple[tuple[bytes, bytes], ...]) -> Answer:
    """RFC 9457. A connection whose body was not read is closed, so that nobody reads it."""
    body = msgspec.json.encode({"status": refusal.status, "detail": str(refusal)})
    if refusal.retry_after is not None:
        headers += ((b"retry-after", str(refusal.retry_after).encode()),)
    if refusal.status in (403, 408, 413, 415, 429):
        headers += ((b"connection", b"close"),)
    return Answer(refusal.status, body, b"application/problem+json", headers)


async def _respond(send: Send, answer: Answer) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode()), *answer.headers]
    if answer.body:
        headers.append((b"content-type", answer.media))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
