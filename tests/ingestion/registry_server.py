"""A schema registry on this machine: as much of the protocol as the worker uses, and outages on demand."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UNKNOWN = (404, b'{"error_code": 40403, "message": "Schema not found"}')


class Registry:
    """What is registered, and what was asked."""

    def __init__(self) -> None:
        self.uses: dict[int, list[tuple[str, int, bool]]] = {}  # by id: subject, version, deleted
        self.asked: list[str] = []
        self.instead: tuple[int, bytes] | None = None  # what is answered while something is wrong
        self.credentials = ""
        self.url = ""

    def register(self, subject: str, *, number: int | None = None) -> int:
        """A new version of `subject`; the schema's id."""
        number = number or 100_000 + len(self.uses)
        version = 1 + sum(1 for uses in self.uses.values() for use in uses if use[0] == subject)
        self.uses.setdefault(number, []).append((subject, version, False))
        return number

    def delete(self, number: int) -> None:
        """As a soft deletion: seen by those who ask for what was deleted."""
        self.uses[number] = [(subject, version, True) for subject, version, _ in self.uses[number]]

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body."""
        self.asked.append(path)
        if self.instead is not None:
            return self.instead
        if self.credentials and authorization != f"Basic {b64encode(self.credentials.encode()).decode()}":
            return 401, b'{"error_code": 401, "message": "Unauthorized"}'
        found = re.fullmatch(r"/schemas/ids/(\d+)/versions(\?deleted=true)?", path)
        if found is None:
            return 404, b'{"error_code": 404, "message": "HTTP 404 Not Found"}'
        if int(found[1]) >= 2**31:
            return 404, b'{"error_code": 404, "message": "HTTP 404 Not Found"}'
        uses = self.uses.get(int(found[1]), [])
        shown = [{"subject": s, "version": v} for s, v, deleted in uses if found[2] or not deleted]
        return (200, json.dumps(shown).encode()) if uses else UNKNOWN


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry at its `url`."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = registry.answer(self.path, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
