"""What came over HTTP and what is answered, free of any web framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestion.errors import IngestionError


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was sent. Header names are in lower case."""

    method: str
    path: str  # percent-encoded, as on the wire
    query: str = ""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""  # scheme and host by which the sender knows us, `https://hooks.acme.com`

    @property
    def uri(self) -> str:
        """The address that the sender used, as some sign it."""
        return f"{self.base}{self.path}{f'?{self.query}' if self.query else ''}"

    def header(self, name: bytes) -> str:
        """A header's value; empty if it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int = 200
    body: bytes = b""
    media: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refused(IngestionError):
    """The request is not taken; nothing of it was kept. `str` tells the sender what to do, without any secret."""

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after  # seconds
