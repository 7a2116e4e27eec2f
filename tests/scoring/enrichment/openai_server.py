"""A server on this machine that speaks the OpenAI chat protocol, and misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {
    "intent": "comparing",
    "icp_fit": "strong",
    "sentiment": "positive",
    "urgency": "medium",
    "next_step": "immediate_call",
    "buying_signals": ["asks for a demo"],
    "objection_risks": [],
    "reasoning": "The sender compares vendors. A team of data people is named.",
    "score": 71.0,
    "confidence": 0.9,
}

Reply = Callable[[dict[str, Any]], tuple[int, bytes]]


def completion(content: str) -> bytes:
    """A chat completion that says `content`."""
    return json.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400},
        }
    ).encode()


def saying(**changes: Any) -> Reply:
    """Always the good reading with some fields changed."""
    return lambda _request: (200, completion(json.dumps(GOOD | changes)))


def failing(status: int) -> Reply:
    """Always this HTTP status."""
    return lambda _request: (status, b'{"error": {"message": "no", "type": "t"}}')


def mumbling(_request: dict[str, Any]) -> tuple[int, bytes]:
    """Never the schema."""
    return 200, completion('{"score": ')


def garbling(_request: dict[str, Any]) -> tuple[int, bytes]:
    """Not even the protocol."""
    return 200, b"<html>gateway</html>"


def sleeping(seconds: float) -> Reply:
    """The good reading, too late."""

    def reply(request: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(seconds)
        return saying()(request)

    return reply


def in_turn(*replies: Reply) -> Reply:
    """One reply after the other; the last one stays."""
    left = list(replies)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


class OpenAIServer:
    """A running server: its base URL and the requests it saw."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.requests: list[dict[str, Any]] = []
        self.reply: Reply = saying()

    @property
    def sent(self) -> str:
        """Everything it was sent, as one string."""
        return json.dumps(self.requests, ensure_ascii=False)


@contextmanager
def openai_server() -> Iterator[OpenAIServer]:
    """A server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.requests.append(request)
            status, body = server.reply(request)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # the client stopped waiting
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = OpenAIServer(http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
