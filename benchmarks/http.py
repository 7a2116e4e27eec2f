"""A client thin enough to leave the servers' time visible: the standard library's, one kept-alive connection."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from leadline.errors import StackError

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 30


class Connection:
    """Posts JSON to one server on this machine. Not thread-safe."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        self._http = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
        self._headers = {"Content-Type": "application/json", **(headers or {})}

    def post(self, path: str, body: bytes) -> bytes:
        """The answer's body. Raises `StackError` for any status but 200, and for a lost connection."""
        try:
            self._http.request("POST", path, body, self._headers)
            answer = self._http.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            raise StackError(f"{HOST}:{self._http.port}{path} gave no answer: {error!r}") from error
        if answer.status != 200:
            raise StackError(f"{HOST}:{self._http.port}{path} answered {answer.status}: {content[:500]!r}")
        return content


def answers(port: int, path: str) -> bool:
    """Whether a GET of `path` succeeds."""
    connection = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
