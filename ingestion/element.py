"""One element of a raw message and what became of it so far."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingestion.contracts.event import MAX_PARTS, Draft, RawPointer
from ingestion.contracts.raw import RawMessage
from ingestion.errors import Quarantine

Place = tuple[str, int]  # raw stream, position


class Element(msgspec.Struct, frozen=True, gc=False):
    """An element, where it was read, and what came of reading it."""

    raw: RawMessage
    pointer: RawPointer
    outcome: Draft | Quarantine
    siblings: int = 1  # elements that its message was read as; a body that cannot be split is one

    @property
    def place(self) -> Place:
        """Where it was read first: of a replay, where the element lies that it repeats."""
        offset = self.pointer.offset if self.raw.replay is None else self.raw.replay.offset
        return self.pointer.stream, offset * MAX_PARTS + self.pointer.index


def elements_of(raw: RawMessage, outcomes: Sequence[Draft | Quarantine]) -> list[Element]:
    """The outcomes of reading `raw`, each with its coordinates."""
    digest, siblings = raw.digest, len(outcomes)
    return [
        Element(raw, RawPointer(raw.topic, raw.partition, raw.offset, index, digest), outcome, siblings)
        for index, outcome in enumerate(outcomes)
    ]
