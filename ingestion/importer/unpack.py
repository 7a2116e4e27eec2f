"""A file's plain bytes, as a stream: gzip and zip are unpacked on the way, by what they are and not by their names.

Invariant: nothing is unpacked as a whole in memory, nor to a path that an archive names, and no more than
`MOST_UNPACKED` times what it takes packed.
"""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple

from ingestion.errors import FileUnreadable
from ingestion.importer.inputs import Input, is_note

CHUNK = 256 * 1024
MOST_UNPACKED = 200  # events, each with its own id, pack to a thirtieth or so; a bomb to a thousandth
ALWAYS_ALLOWED = 64 * 1024 * 1024  # bytes, of however little

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_DAMAGED = (EOFError, OSError, RuntimeError, NotImplementedError, zlib.error, LZMAError, zipfile.BadZipFile)

Stream = io.BufferedReader
Taken = Callable[[int], None]


class Part(NamedTuple):
    """A file's plain bytes; a zip has several."""

    name: str  # without `.gz`; empty for standard input
    stream: Stream
    label: str = ""  # before a row's place, for people: which member of the zip


def parts(given: Input, spool: Path, taken: Taken) -> Iterator[Part]:
    """What a file holds. Read each part before the next is asked for.

    Args:
        spool: folder for nameless copies of what must be read in another order than it comes.
        taken: told the number of bytes whenever some of the file itself were read.

    Raises:
        FileUnreadable: here, or when a stream is read: damaged, packed in an unknown way, or much too large unpacked.
        OSError: the file cannot be opened or read.
    """
    place = sys.stdin.fileno() if given.path is None else given.path
    with _Watched(place, taken) as file, _buffered(file) as stream:
        if stream.peek()[:4] == _ZIP:
            yield from _members(stream, spool)
        else:
            yield _plain("" if given.path is None else given.path.name, stream, lambda: file.taken)


@contextmanager
def seekable(stream: Stream, spool: Path) -> Iterator[IO[bytes]]:
    """The stream itself, or a nameless copy on disk of one that comes only once."""
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile(dir=spool) as copy:
        shutil.copyfileobj(stream, copy, CHUNK)
        copy.seek(0)
        yield copy


def _members(stream: Stream, spool: Path) -> Iterator[Part]:
    with seekable(stream, spool) as file:
        try:
            archive = zipfile.ZipFile(file)
        except zipfile.BadZipFile:
            raise FileUnreadable("the zip has no readable index: is it cut short?") from None
        with archive:
            for member in archive.infolist():
                if not member.is_dir() and not is_note(PurePath(member.filename)):
                    yield _member(archive, member)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Part:
    try:
        stream = _bounded(archive.open(member), lambda: member.compress_size)
    except _DAMAGED as error:
        raise FileUnreadable(f"{member.filename}: cannot be unpacked: {error}") from None
    if stream.peek()[:4] == _ZIP:
        raise FileUnreadable(f"{member.filename}: a zip inside a zip; unpack the outer one first")
    return _plain(member.filename, stream, lambda: member.compress_size)._replace(label=f"{member.filename} ")


def _plain(name: str, stream: Stream, packed_bytes: Callable[[], int]) -> Part:
    if stream.peek()[:2] != _GZIP:
        return Part(name, stream)
    return Part(name.removesuffix(".gz"), _bounded(gzip.GzipFile(fileobj=stream), packed_bytes))


def _bounded(packed: Any, packed_bytes: Callable[[], int]) -> Stream:
    return _buffered(_Unpacking(packed, packed_bytes))


def _buffered(raw: Any) -> Stream:
    return io.BufferedReader(raw, CHUNK)


class _Unpacking(io.RawIOBase):
    """What comes out of a packed stream, as long as it is not out of all proportion to what went in."""

    def __init__(self, packed: Any, packed_bytes: Callable[[], int]) -> None:
        self._packed, self._packed_bytes, self._unpacked = packed, packed_bytes, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As `io.RawIOBase.readinto`. Raises `FileUnreadable`."""
        try:
            data = self._packed.read1(len(buffer))  # by the piece: what came out before a damage is not lost with it
        except _DAMAGED:
            raise FileUnreadable("the packed data is damaged or cut short from here on") from None
        self._unpacked += len(data)
        if self._unpacked > ALWAYS_ALLOWED + MOST_UNPACKED * self._packed_bytes():
            raise FileUnreadable(f"unpacks to over {MOST_UNPACKED} times its size, as no events do; unpack it yourself")
        buffer[: len(data)] = data
        return len(data)


class _Watched(io.FileIO):
    """A file, or an open one by its number, that tells how much of it was read."""

    def __init__(self, place: Path | int, told: Taken) -> None:
        super().__init__(place, closefd=not isinstance(place, int))
        self._told, self.taken = told, 0

    def readinto(self, buffer: Any, /) -> int:
        """As `io.FileIO.readinto`."""
        size = super().readinto(buffer) or 0
        self.taken += size
        self._told(size)
        return size
