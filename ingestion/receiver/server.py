"""The receiver's HTTP server: uvicorn, with caps on what comes before a request's body.

uvicorn waits for a request's headers as long as the sender likes, and reads as many: here both end.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingestion.receiver.asgi import Receiver

HEADER_SECONDS = 10.0
MAX_HEADER_BYTES = 32 * 1024
MAX_CONNECTIONS = 2_000
IDLE_SECONDS = 75  # senders reuse connections; longer than the usual 60 s of proxies before us

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class CappedProtocol(HttpToolsProtocol):
    """Ends connections whose request line and headers are too large or too slow."""

    _deadline: asyncio.TimerHandle | None = None
    _head: int | None = 0  # bytes since the request began; `None` while its body is read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was opened: its first request must come soon."""
        super().connection_made(transport)
        self._wait()

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
        if self._deadline is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """The headers are there."""
        self._rest()
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there; what comes next is another request."""
        super().on_message_complete()
        self._head = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._end, _TOO_SLOW)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, answer: bytes) -> None:
        self._rest()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def server_of(receiver: Receiver, *, host: str, port: int) -> uvicorn.Server:
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
    return uvicorn.Server(uvicorn.Config(receiver, host=host, port=port, **config))
