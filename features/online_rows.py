"""Online rows held to the feature history, which has each row before it is served (ADR 6).

Invariant: what is on its way is no fault. A row that the history does not have at once never was in it; one that is not
online yet counts from the next look on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from features.history import read_rows
from features.rows import AccountRow, LeadRow

Row = TypeVar("Row", LeadRow, AccountRow)
Key = tuple[str, str]  # entity and key of a row


class Fault(StrEnum):
    """What is wrong with an online row."""

    LOST = "lost"  # the history has a row, the online store none
    BEHIND = "behind"  # the history has had a newer one since the last look
    ALTERED = "altered"  # the history has another row of its sequence
    UNRECORDED = "unrecorded"  # the history has no row of its sequence


@dataclass(frozen=True, slots=True)
class OnlineRows(Generic[Row]):
    """The rows of one entity by key: as they are online, and as they should be."""

    entity: str
    served: Mapping[str, Row | None]
    right: Mapping[str, Row | None]
    faults: Mapping[str, Fault]
    due: Mapping[Key, int]  # by the next look: the newest sequence in the history of keys that have an older row

    @classmethod
    def read(
        cls,
        entity: str,
        keys: Sequence[str],
        online: Callable[[Sequence[str]], list[Row | None]],
        decode: Callable[[bytes], Row],
        history: Path,
        due: Mapping[Key, int],
    ) -> OnlineRows[Row]:
        """Read the online store, and the history after it: what lies online only then has no excuse."""
        served = dict(zip(keys, online(keys), strict=True))
        sequences = {row.sequence for row in served.values() if row} | set(due.values())
        recorded = read_rows(history, entity, served, sequences)
        right: dict[str, Row | None] = {}
        faults: dict[str, Fault] = {}
        for key, row in served.items():
            rows = {sequence: decode(encoded) for sequence, encoded in recorded.get(key, {}).items()}
            right[key], fault = judged(row, rows, due.get((entity, key), 0))
            if fault is not None:
                faults[key] = fault
        late = {(entity, key): max(rows) for key, rows in recorded.items() if max(rows) > sequence_of(served[key])}
        return cls(entity, served, right, faults, late)

    def faults_of(self, keys: Collection[str | None]) -> list[tuple[str, str, Fault]]:
        """Entity, key and fault of each of these rows that has one."""
        return [(self.entity, key, fault) for key, fault in self.faults.items() if key in keys]


def sequence_of(row: LeadRow | AccountRow | None) -> int:
    """The row's sequence; 0, which no row has, if there is none."""
    return 0 if row is None else row.sequence


def judged(served: Row | None, recorded: Mapping[int, Row], due: int) -> tuple[Row | None, Fault | None]:
    """The row that should be online, and what is wrong with the one that is.

    Args:
        recorded: the history's newest row by its sequence, and those of the served and the due sequence.
        due: the sequence that must be online by now.
    """
    if sequence_of(served) < due:
        return recorded.get(due), Fault.LOST if served is None else Fault.BEHIND
    if served is None:
        return None, None
    right = recorded.get(served.sequence)
    if right is None:
        return recorded[max(recorded)] if recorded else None, Fault.UNRECORDED
    return right, None if right == served else Fault.ALTERED
