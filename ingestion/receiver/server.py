"""The receiver's HTTP server: uvicorn, with a cap on a request's head and one on the time that a request takes to come.

uvicorn waits for a request as long as the sender likes, and reads headers as long as they come: here both end.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingestion.receiver.asgi import Receiver

REQUEST_SECONDS = 10.0  # for a request to come whole, from its first byte, or from the connection's opening
MAX_HEADER_BYTES = 32 * 1024
MAX_CONNECTIONS = 2_000
IDLE_SECONDS = 75  # senders reuse connections; longer than the usual 60 s of proxies before us
_TICKS_BETWEEN_LOOKS = 5  # of uvicorn's own, ten a second

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class CappedProtocol(HttpToolsProtocol):
    """One connection; knows since when a request is on its way, and how large its head is."""

    _since: float | None = None  # of the loop's clock; `None` while no request is coming in
    _head: int | None = 0  # bytes since the request began; `None` while its body comes in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was opened: its first request must come soon."""
        super().connection_made(transport)
        self._since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > MAX_HEADER_BYTES:
            self._end(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head = self._head or 0
        self._since = self._since or self.loop.time()

    def on_headers_complete(self) -> None:
        """The headers are there."""
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there; what comes next is another request."""
        super().on_message_complete()
        self._head, self._since = 0, None

    def end_if_slow(self, now: float) -> None:
        """Hang up if a request has been coming in for too long; `now` of the loop's clock."""
        if self._since is not None and now - self._since > REQUEST_SECONDS:
            self._end(_TOO_SLOW)

    def _end(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


class ReceiverServer(uvicorn.Server):
    """Looks after slow senders now and then: one look for all costs less than a timer for each request."""

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second."""
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, CappedProtocol):
                    connection.end_if_slow(now)
        return await super().on_tick(counter)


def server_of(receiver: Receiver, *, host: str, port: int) -> ReceiverServer:
    """A server that answers senders; its `run` returns after SIGTERM or SIGINT, when what was begun is finished."""
    config: dict[str, Any] = {
        "http": CappedProtocol,
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "proxy_headers": False,  # the receiver reads `X-Forwarded-For` itself, from whom it trusts
        "limit_concurrency": MAX_CONNECTIONS,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": 10,
        "backlog": 4096,
        "log_level": "warning",
    }
    return ReceiverServer(uvicorn.Config(receiver, host=host, port=port, **config))
