"""Ways to a real broker on which one request or one answer goes astray, as while a leader is being elected."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

from confluent_kafka import KafkaError

_PRODUCE, _LIST_OFFSETS, _METADATA = 0, 2, 3
_NOWHERE = struct.pack(">i", 9_999)
_PATIENCE_SECONDS = 0.5  # how long the first batch waits for the second, so that both are on their way

Asking = Callable[[bytes, socket.socket], bytes]  # what becomes of a request of the client on this socket
Answering = Callable[[bytes, bytes], bytes]  # what becomes of an answer, and to which request it is one


@contextlib.contextmanager
def refusing_proxy(bootstrap: str, topic: str) -> Iterator[str]:
    """Bootstrap servers that lead to those of `bootstrap`, which must be one broker.

    The first `Produce` request for `topic` asks for a partition that does not exist. The broker refuses it, and
    handles what follows it on the connection as if it had never been.
    """
    astray = itertools.count()  # the first to take a number is the one

    def request(frame: bytes, client: socket.socket) -> bytes:
        is_first = _is_for(frame, _PRODUCE, topic) and next(astray) == 0
        return _led_astray(frame, topic, client) if is_first else frame

    with _proxy(bootstrap, asking=request) as here:
        yield here


@contextlib.contextmanager
def electing_proxy(bootstrap: str, topic: str) -> Iterator[str]:
    """As `refusing_proxy`; of where a partition of `topic` ends, the broker at first says it does not lead it."""
    astray = itertools.count()

    def answer(frame: bytes, request: bytes) -> bytes:
        if not _is_for(request, _LIST_OFFSETS, topic) or next(astray) > 0:
            return frame
        time.sleep(0.2)  # so that it comes together with the next answer, if that is on its way
        at = frame.index(topic.encode()) + len(topic) + 5  # behind the name: partitions, a byte; the first's number
        return frame[:at] + struct.pack(">h", KafkaError.NOT_LEADER_FOR_PARTITION) + frame[at + 2 :]

    with _proxy(bootstrap, answering=answer) as here:
        yield here


@contextlib.contextmanager
def leaderless_proxy(bootstrap: str, topic: str) -> Iterator[str]:
    """As `refusing_proxy`; until it was told where partitions of `topic` end, its first has no leader."""
    is_told = False

    def answer(frame: bytes, request: bytes) -> bytes:
        nonlocal is_told
        is_told = is_told or _is_for(request, _LIST_OFFSETS, topic)
        at = frame.find(topic.encode())
        if is_told or at < 0 or _kind(request) != _METADATA:
            return frame
        at += len(topic) + 18  # behind the name: the topic's id, whether it is Kafka's own, the number of partitions
        number = frame[at + 2 : at + 6]
        nobody = struct.pack(">h", KafkaError.LEADER_NOT_AVAILABLE) + number + struct.pack(">i", -1)
        return frame[:at] + nobody + frame[at + 10 :]

    with _proxy(bootstrap, answering=answer) as here:
        yield here


def _as_it_is(frame: bytes, _: object) -> bytes:
    return frame


@contextlib.contextmanager
def _proxy(bootstrap: str, asking: Asking = _as_it_is, answering: Answering = _as_it_is) -> Iterator[str]:
    host, port = bootstrap.split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    here = listener.getsockname()[1]
    open_sockets = [listener]
    asked: dict[tuple[socket.socket, bytes], bytes] = {}  # by the connection and a request's number there

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
                asked[client, frame[8:12]] = frame
                broker.sendall(asking(frame, client))

    def downwards(client: socket.socket, broker: socket.socket) -> None:
        """The broker tells its clients where to find it: here."""
        with contextlib.suppress(OSError):
            for frame in _frames(broker):
                its, ours = (host.encode() + struct.pack(">i", number) for number in (int(port), here))
                client.sendall(answering(frame.replace(its, ours), asked.pop((client, frame[4:8]))))

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


def _kind(request: bytes) -> int:
    return int(struct.unpack_from(">h", request, 4)[0])


def _is_for(request: bytes, kind: int, topic: str) -> bool:
    return _kind(request) == kind and topic.encode() in request


def _led_astray(frame: bytes, topic: str, client: socket.socket) -> bytes:
    """The same request for partition 9,999, once the next one is there or does not come."""
    select.select([client], [], [], _PATIENCE_SECONDS)
    at = frame.index(topic.encode()) + len(topic) + 1  # behind the name comes the number of partitions, one byte
    return frame[:at] + _NOWHERE + frame[at + 4 :]
