"""What came over HTTP and what is answered, free of any web framework."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ingestion.errors import IngestionError

Headers = tuple[tuple[bytes, bytes], ...]


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request as it was sent. Header names are in lower case."""

    method: str
    path: str  # percent-encoded, as on the wire
    query: str = ""
    headers: Mapping[bytes, bytes] = {}
    body: bytes = b""
    base: str = ""  # scheme and host by which the sender knows us; else as the request says, by https

    @property
    def uri(self) -> str:
        """The address that the sender used, as some sign it."""
        base = self.base or f"https://{self.header(b'host')}"
        return f"{base}{self.path}{f'?{self.query}' if self.query else ''}"

    def header(self, name: bytes) -> str:
        """A header's value; empty if it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A response."""

    status: int = 200
    body: bytes = b""
    media: bytes = b"application/json"
    headers: Headers = ()

    def having(self, headers: Headers) -> Answer:
        """The same with more headers."""
        return msgspec.structs.replace(self, headers=self.headers + headers) if headers else self


class Refused(IngestionError):
    """The request is not taken; nothing of it was kept. `str` tells the sender what to do, without any secret."""

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after  # seconds
