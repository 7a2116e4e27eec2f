"""An external merge sort: any number of messages by the time they were known, in bounded memory.

Why imports of history are sorted: the aligned consumer (ADR 3) looks at each partition's next record only. Where a
partition is not in the order of time, what stands behind a newer record is read as late as that one. Messages that
were known at the same time keep their order, so that the same files always give the same sequence.

Runs are nameless files: no crash leaves rows with personal data behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import IO, Self

import msgspec

from ingestion.importer.message import Message

RUN_BYTES = 48 * 1024 * 1024  # of messages in memory
MAX_RUNS = 64  # of about the same size; so many are merged into one, which thus happens to a message hardly ever
RUN_BUFFER = 64 * 1024
ENTRY_BYTES = 200  # what Python takes to keep an entry

_HEAD = Struct("<dQI")  # epoch seconds, number of the message, length of what follows
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode

Entry = tuple[float, int, bytes]


class TimeSorter:
    """Takes messages, then gives them in order, as often as it is asked. Leaving the `with` block frees the disk."""

    def __init__(self, folder: Path, *, run_bytes: int = RUN_BYTES, max_runs: int = MAX_RUNS) -> None:
        """Args:
        folder: where runs lie; it needs room for about all messages.
        """
        self._folder, self._run_bytes, self._max_runs = folder, run_bytes, max_runs
        self._held: list[Entry] = []
        self._held_bytes = 0
        self._tiers: list[list[IO[bytes]]] = []  # runs, those of one merge, those of two, …
        self._exits = ExitStack()
        self.total = 0

    def add(self, message: Message) -> None:
        """Take one message. Raises `OSError` if the disk is full."""
        entry = _encode(message)
        self._held.append((message.received.timestamp(), self.total, entry))
        self._held_bytes += len(entry) + ENTRY_BYTES
        self.total += 1
        if self._held_bytes >= self._run_bytes:
            self._put_away()

    def __iter__(self) -> Iterator[Message]:
        """All messages, the earliest known first. One iteration at a time."""
        self._held.sort()
        runs = [_read(run) for tier in self._tiers for run in tier]
        for _, _, entry in merge(*runs, self._held):
            yield _decode(entry)

    def _put_away(self) -> None:
        self._held.sort()
        self._keep(self._write(self._held), 0)
        self._held, self._held_bytes = [], 0

    def _keep(self, run: IO[bytes], number: int) -> None:
        if number == len(self._tiers):
            self._tiers.append([])
        tier = self._tiers[number]
        tier.append(run)
        if len(tier) == self._max_runs:
            self._keep(self._write(merge(*map(_read, tier))), number + 1)
            for each in tier:
                each.close()
            tier.clear()

    def _write(self, entries: Iterable[Entry]) -> IO[bytes]:
        run = tempfile.TemporaryFile(dir=self._folder, buffering=RUN_BUFFER)  # noqa: SIM115 - until the end
        self._exits.enter_context(run)
        for seconds, number, entry in entries:
            run.write(_HEAD.pack(seconds, number, len(entry)))
            run.write(entry)
        run.flush()
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()


def _read(run: IO[bytes]) -> Iterator[Entry]:
    run.seek(0)
    while head := run.read(_HEAD.size):
        seconds, number, length = _HEAD.unpack(head)
        yield seconds, number, run.read(length)
