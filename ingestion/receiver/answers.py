"""Answers that are no sender's own: problems, and what browsers ask before they send."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ingestion.receiver.connections import Connection
from ingestion.receiver.request import Answer, Headers, Refused

RETRY_SECONDS = 5
_UNREAD = frozenset({403, 408, 413, 415, 429})  # the body was not read, and nobody shall read it


def problem(refusal: Refused, headers: Headers) -> Answer:
    """The refusal as RFC 9457 has it."""
    body = msgspec.json.encode({"status": refusal.status, "detail": str(refusal)})
    if refusal.retry_after is not None:
        headers += ((b"retry-after", str(refusal.retry_after).encode()),)
    if refusal.status in _UNREAD:
        headers += ((b"connection", b"close"),)
    return Answer(refusal.status, body, b"application/problem+json", headers)


def cors(connection: Connection | None, headers: Mapping[bytes, bytes]) -> Headers:
    """What lets a browser on one of the connection's websites see the answer; empty for everybody else."""
    if connection is None or not connection.sender.browsers:
        return ()
    origin = headers.get(b"origin", b"")
    if origin.decode("latin-1") not in connection.origins:
        return ()
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
    )


def preflight(connection: Connection | None, headers: Mapping[bytes, bytes]) -> Answer:
    """The answer to a browser that asks whether it may send. Raises `Refused` for a foreign website."""
    allowed = cors(connection, headers)
    if not allowed:
        raise Refused(403, "the website is not one of this connection's origins")
    return Answer(
        204,
        headers=(
            *allowed,
            (b"access-control-allow-methods", b"POST"),
            # analytics.js counts in the last one how often it has tried.
            (b"access-control-allow-headers", b"authorization, content-type, x-retry-count"),
            (b"access-control-max-age", b"600"),
        ),
    )


@lru_cache(maxsize=256)
def messages(answer: Answer) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two ASGI messages of a response."""
    headers = [(b"content-length", str(len(answer.body)).encode()), *answer.headers]
    if answer.body:
        headers.append((b"content-type", answer.media))
    return (
        {"type": "http.response.start", "status": answer.status, "headers": headers},
        {"type": "http.response.body", "body": answer.body},
    )
