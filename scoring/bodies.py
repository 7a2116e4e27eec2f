"""Request bodies: read whole, at most so many bytes, within so many seconds, never decompressed.

Starlette has no limit of its own (github.com/fastapi/fastapi/issues/1081); a cap on Content-Length alone is passed
by a chunked body, and a few compressed kilobytes become gigabytes.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scoring.problems import problem

MAX_BYTES = 256 * 1024
MAX_SECONDS = 10.0


class LimitBodies:
    """ASGI middleware that answers 413, 415 or 408 before the application sees the request."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        path = scope["path"]
        if headers.get("content-encoding", "identity") != "identity":
            detail = "Compressed bodies are not read. Send the body plain, without Content-Encoding."
            await problem(415, "content-encoding", detail, path)(scope, receive, send)
            return
        too_large = f"The body is over {self._max_bytes} bytes. Send fewer leads a request."
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._max_bytes:
            await problem(413, "body-too-large", too_large, path, _CLOSE)(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._max_seconds):
                body = await self._read(receive)
        except TimeoutError:
            detail = f"The body did not arrive within {self._max_seconds:.0f} seconds. Send it in one go."
            await problem(408, "body-too-slow", detail, path, _CLOSE)(scope, receive, send)
            return
        if body is None:
            await problem(413, "body-too-large", too_large, path, _CLOSE)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None if it is over the limit."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_bytes:
                return None
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


_CLOSE = {"connection": "close"}  # the rest of the body is not read, so the connection cannot be used again


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once and then whatever comes (the disconnect)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
