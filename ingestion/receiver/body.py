"""Reads a request's body under caps: on its bytes, and on what they unpack to."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ingestion.receiver.request import Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class SenderGone(Exception):
    """The sender hung up before its body was complete. Nothing was kept and nobody waits for an answer."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], cap: int) -> bytes:
    """The whole body, unpacked. The server ends senders that are too slow; see `ingestion.receiver.server`.

    Args:
        headers: by Content-Encoding, gzip and deflate are unpacked.
        cap: the most bytes, before and after unpacking.

    Raises:
        Refused: 413 or 415; 400 for a body that does not unpack.
        SenderGone: see there.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > cap:
        raise _too_large(cap)
    body = await _all_of(receive, cap)
    encoding = headers.get(b"content-encoding", b"identity")
    return body if encoding == b"identity" else _unpacked(body, encoding, cap)


async def _all_of(receive: Receive, cap: int) -> bytes:
    message = await receive()
    first: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False):
        if len(first) > cap:
            raise _too_large(cap)
        return first
    chunks, size = [first], len(first)
    while message["type"] == "http.request" and message.get("more_body", False):
        if size > cap:
            raise _too_large(cap)
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if message["type"] != "http.request":
        raise SenderGone
    if size > cap:
        raise _too_large(cap)
    return b"".join(chunks)


def _unpacked(body: bytes, encoding: bytes, cap: int) -> bytes:
    if encoding not in (b"gzip", b"x-gzip", b"deflate"):
        raise Refused(415, "Content-Encoding is unknown, expected gzip, deflate or none")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, by its own header
    try:
        plain = unpacking.decompress(body, cap + 1)
    except zlib.error:
        raise Refused(400, "the body is not what its Content-Encoding says") from None
    if len(plain) > cap:
        raise _too_large(cap)
    if not unpacking.eof or unpacking.unused_data:
        raise Refused(400, "the packed body is cut short or has something behind its end")
    return plain


def _too_large(cap: int) -> Refused:
    return Refused(413, f"the body is larger than {cap} bytes")
