"""A link to a server that can be slow or cut: everything goes through this process."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

READ_BYTES = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER for no time: closing resets


class Link:
    """Listens on `port` of localhost, and passes on what comes in."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self.port: int = self._listening.getsockname()[1]
        self.delay = 0.0  # seconds that every piece takes on its way to the server
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection that there is; new ones are taken."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                end.shutdown(socket.SHUT_RD)  # wakes its reader
            end.close()

    def close(self) -> None:
        """Take nobody any more, and cut the others."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._server))
                except OSError:  # the server is down, and so is the link
                    near.close()
                    continue
                self._ends += [near, far]
                threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, slowly: bool) -> None:
        with suppress(OSError):
            while data := one.recv(READ_BYTES):
                if slowly and self.delay:
                    time.sleep(self.delay)
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@contextmanager
def link_to(server: int) -> Iterator[Link]:
    """A link to a port of localhost, quick and whole until it is told otherwise."""
    link = Link(server)
    try:
        yield link
    finally:
        link.close()
