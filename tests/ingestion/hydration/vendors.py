"""The vendors' APIs on a local port: they answer as the vendors do, and fail as told."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.ingestion.sources.samples import META_LEAD
from tests.ingestion.sources.samples_fetched import (
    HUBSPOT_COMPANY,
    HUBSPOT_CONTACT,
    HUBSPOT_WON,
    SALESFORCE_FETCHED,
    ZENDESK_ANSWER,
)

OBJECTS: Mapping[str, Any] = {
    "/v23.0/1459076748710713": META_LEAD,
    "/crm/objects/2026-03/contacts/173595202426": HUBSPOT_CONTACT,
    "/crm/objects/2026-03/companies/9017": HUBSPOT_COMPANY,
    "/crm/objects/2026-03/deals/9001": HUBSPOT_WON,
    "/api/v2/users/20978392": ZENDESK_ANSWER,
    "/services/data/v60.0/sobjects/Contact/0035f00000CpXYZAA3": SALESFORCE_FETCHED,
}


class Reply(NamedTuple):
    """One answer."""

    status: int = 200
    body: Any = None  # bytes as they are, else JSON
    headers: Mapping[str, str] = {}
    drip: bool = False  # a byte at a time, for ever
    until: threading.Event | None = None  # say nothing before

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Asked(NamedTuple):
    """One request."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float  # monotonic seconds


@dataclass
class Vendors:
    """What they are asked and what they answer: of each path the replies in turn, the last one for ever."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def says(self, path: str, *replies: Reply) -> None:
        """Answer so at `path`."""
        self.replies[path] = list(replies)

    def times(self) -> Counter[str]:
        """How often each path was asked."""
        return Counter(one.path for one in self.asked)

    def seconds(self, first: int, last: int) -> float:
        """How long after one question another one came, both by their place in `asked`."""
        return self.asked[last].at - self.asked[first].at

    def reply(self, path: str) -> Reply:
        found = self.replies.get(path)
        if found is None:
            return Reply(body=OBJECTS[path]) if path in OBJECTS else Reply(404, {"message": "no such object"})
        return found.pop(0) if len(found) > 1 else found[0]


def _handler(vendors: Vendors) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            vendors.asked.append(Asked(parts.path, dict(parse_qsl(parts.query)), headers, time.monotonic()))
            reply = vendors.reply(parts.path)
            if reply.until is not None:
                reply.until.wait(60)
            with suppress(OSError):
                self._send(reply)

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.drip:
                self.send_header("content-length", "1000000")
                self.end_headers()
                while not vendors.gone.wait(0.02):
                    self.wfile.write(b" ")
                return
            if "content-length" not in reply.headers:
                self.send_header("content-length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that gave up is what the tests are about."""


@contextmanager
def listening() -> Iterator[Vendors]:
    """The vendors while they listen."""
    vendors = Vendors()
    server = _Server(("127.0.0.1", 0), _handler(vendors))
    vendors.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield vendors
    finally:
        vendors.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
