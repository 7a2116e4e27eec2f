"""How far an import has come, kept in a file so that a crash or Ctrl-C costs little.

Invariant: what the file says was sent has been acknowledged by Kafka. It names the messages by their number and by a
digest of all of them; an import whose first messages have another digest begins anew, so that none is ever left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import msgspec

from ingestion.importer.inputs import Input
from ingestion.importer.message import Message


class Progress(msgspec.Struct, frozen=True):
    """One import's progress."""

    began: datetime  # aware, UTC: its first run
    sent: int = 0  # of its messages, the first so many
    digest: str = ""  # of those


class Digest:
    """Of a sequence of messages, as far as it has come."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)

    def add(self, message: Message) -> None:
        """Take the next message in."""
        self._hash.update(b"%d %.6f " % (len(message.value), message.received.timestamp()))
        self._hash.update(message.value)

    def __str__(self) -> str:
        return self._hash.hexdigest()


class ProgressFile:
    """Where the progress of one import is kept."""

    def __init__(self, folder: Path, inputs: Sequence[Input], *options: str) -> None:
        """The place is named by the inputs' paths, sizes and times of change, and by the options.

        An import that reads a pipe has none: it cannot be read twice.
        """
        stamps = [given.stamp for given in inputs]
        name = blake2b(msgspec.json.encode((stamps, options)), digest_size=16).hexdigest()
        self._path = None if None in stamps else folder / f"{name}.json"
        self.done = self._load() or Progress(datetime.now(UTC))  # by earlier runs

    @property
    def is_kept(self) -> bool:
        """Whether the import can be resumed."""
        return self._path is not None

    def save(self, progress: Progress) -> None:
        """Replace what was kept, in one step."""
        if self._path is not None:
            fresh = self._path.with_suffix(".fresh")
            fresh.write_bytes(msgspec.json.encode(progress))
            os.replace(fresh, self._path)

    def forget(self) -> None:
        """The import is done."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _load(self) -> Progress | None:
        """What was kept, if it can be read."""
        try:
            return None if self._path is None else msgspec.json.decode(self._path.read_bytes(), type=Progress)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
