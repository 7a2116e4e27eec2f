"""A way to a real broker on which the first batch for a topic goes astray, as while its leader is being elected."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import threading
from collections.abc import Iterator

_PRODUCE = 0
_NOWHERE = struct.pack(">i", 9_999)
_PATIENCE_SECONDS = 0.5  # how long the first batch waits for the second, so that both are on their way


@contextlib.contextmanager
def refusing_proxy(bootstrap: str, topic: str) -> Iterator[str]:
    """Bootstrap servers that lead to those of `bootstrap`, which must be one broker.

    The first `Produce` request for `topic` asks for a partition that does not exist. The broker refuses it, and
    handles what follows it on the connection as if it had never been.
    """
    host, port = bootstrap.split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    here = listener.getsockname()[1]
    astray = itertools.count()  # the first to take a number is the one
    open_sockets = [listener]

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                broker = socket.create_connection((host, int(port)))
                open_sockets.extend((client, broker))
                for pump in (upwards, downwards):
                    threading.Thread(target=pump, args=(client, broker), daemon=True).start()

    def upwards(client: socket.socket, broker: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for frame in _frames(client):
                is_first = _is_for(frame, topic) and next(astray) == 0
                broker.sendall(_led_astray(frame, topic, client) if is_first else frame)

    def downwards(client: socket.socket, broker: socket.socket) -> None:
        """The broker tells its clients where to find it: here."""
        with contextlib.suppress(OSError):
            for frame in _frames(broker):
                its, ours = (host.encode() + struct.pack(">i", number) for number in (int(port), here))
                client.sendall(frame.replace(its, ours))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"{host}:{here}"
    finally:
        for each in open_sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _frames(source: socket.socket) -> Iterator[bytes]:
    with source.makefile("rb") as stream:
        while size := stream.read(4):
            yield size + stream.read(struct.unpack(">i", size)[0])


def _is_for(frame: bytes, topic: str) -> bool:
    return bool(struct.unpack_from(">h", frame, 4)[0] == _PRODUCE and topic.encode() in frame)


def _led_astray(frame: bytes, topic: str, client: socket.socket) -> bytes:
    """The same request for partition 9,999, once the next one is there or does not come."""
    select.select([client], [], [], _PATIENCE_SECONDS)
    at = frame.index(topic.encode()) + len(topic) + 1  # behind the name comes the number of partitions, one byte
    return frame[:at] + _NOWHERE + frame[at + 4 :]
