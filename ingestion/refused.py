"""The ledger of refused elements: where each lies, why it was refused, and what has become of it since.

Invariant: an element has one row, under the raw coordinates where it was read first, whatever was replayed. The row
changes in the transaction that resolves its batch, so that at every moment each element that was read is exactly one of
good, duplicate, quarantined and dropped (ADR 12). No row is ever deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    or_,
    select,
)

from ingestion.contracts.event import MAX_PARTS
from ingestion.contracts.raw import SOURCE_SYSTEM
from ingestion.database import metadata
from ingestion.element import Element, Place
from ingestion.errors import Quarantine
from ingestion.identity.tables import among, insert_or_change, write_rows

MAX_MESSAGE_CHARS = 500
MAX_SOURCE_CHARS = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class State(StrEnum):
    """What has become of a refused element."""

    QUARANTINED = "quarantined"
    DROPPED = "dropped"  # by an operator, for good
    PASSED = "passed"  # a replay got through: it counts as good or as a duplicate now


refused = Table(
    "refused",
    metadata,
    Column("stream", String(80), primary_key=True),  # raw topic/partition
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(12), nullable=False),
    Column("source", String(MAX_SOURCE_CHARS), nullable=False),  # source system, as the header says
    Column("reason", String(40), nullable=False),  # type of the newest refusal; empty if it was never refused itself
    Column("message", Text, nullable=False),
    Column("elements", Integer, nullable=False),  # the most that its message was ever read as
    Column("received", BigInteger, nullable=False),  # µs since the epoch
    Column("passed_as", BigInteger, nullable=True),  # position, in the same stream, of the replay that got through
    Column("dropped_at", BigInteger, nullable=True),  # µs since the epoch
    Column("dropped_by", Text, nullable=True),
    Column("dropped_why", Text, nullable=True),
    Index("ix_refused_state_received", "state", "received"),
)
_ROWS = select(
    refused.c.stream, refused.c.position, refused.c.state, refused.c.passed_as, refused.c.elements
).with_for_update()
_NAMED = _ROWS.where(among(refused.c.stream, "streams"), among(refused.c.position, "positions"))


class Fate(NamedTuple):
    """What the ledger says of an element."""

    state: State
    passed_as: int | None
    elements: int


class Fates:
    """What the ledger says of a batch."""

    def __init__(self, rows: dict[Place, Fate], *, hold_replays: bool) -> None:
        self._rows = rows
        self._are_all_new = not rows and not hold_replays  # as almost always: then nothing need be looked up

    def parted(self, elements: Sequence[Element]) -> tuple[list[Element], list[Element]]:
        """The refused elements that go to quarantine, and those, refused or not, that are settled already."""
        quarantined = [element for element in elements if isinstance(element.outcome, Quarantine)]
        if self._are_all_new:
            return quarantined, []
        settled: list[Element] = []
        taken: set[Place] = set()  # one batch may hold a replay twice, or beside what it repeats
        for element in elements:
            if self.is_settled(element) or element.place in taken:
                settled.append(element)
            else:
                taken.add(element.place)
        left = {element.pointer for element in settled}
        return [element for element in quarantined if element.pointer not in left], settled

    def is_settled(self, element: Element) -> bool:
        """Whether nothing may follow from reading this element.

        It was dropped; it passed in another message; or it is a sibling of what a replay is for, and was never
        refused. A message that is read again after a crash is no other one: what passed in it passes again.
        """
        stream, position = element.place
        fate = self._rows.get((stream, position))
        if fate is not None:
            return _is_settled(fate, element.pointer.position)
        first, index = self._rows.get((stream, position - element.pointer.index)), element.pointer.index
        if first is not None and first.elements == 1:  # the message was refused as a whole: this is a part of that
            return _is_settled(first, element.pointer.position - index)
        return element.raw.replay is not None

    def on_record(self, elements: Iterable[Element]) -> list[Element]:
        """Those of which the ledger must hear when they pass."""
        if self._are_all_new:
            return []
        return [element for element in elements if element.raw.replay is not None or element.place in self._rows]

    def record(self, connection: Connection, quarantined: Iterable[Element], passed: Iterable[Element]) -> None:
        """Note what has become of elements; to note it again changes nothing. One round trip each."""
        columns = ("stream", "position", "state", "source", "reason", "message", "elements", "received", "passed_as")
        for state, elements, changing in (
            (State.QUARANTINED, quarantined, ("state", "reason", "message", "elements", "passed_as")),
            (State.PASSED, passed, ("state", "elements", "passed_as")),
        ):
            if rows := [self._row(element, state) for element in elements]:
                write_rows(connection, insert_or_change(connection, refused, changing), columns, rows)

    def _row(self, element: Element, state: State) -> tuple[Any, ...]:
        raw, outcome, fate = element.raw, element.outcome, self._rows.get(element.place)
        reason, message = (type(outcome).__name__, str(outcome)) if isinstance(outcome, Quarantine) else ("", "")
        return (
            *element.place,
            state.value,
            _storable(raw.headers.get(SOURCE_SYSTEM, ""))[:MAX_SOURCE_CHARS],
            reason,
            _storable(message)[:MAX_MESSAGE_CHARS],
            element.siblings if fate is None else max(fate.elements, element.siblings),  # it may not be readable now
            (raw.received - _EPOCH) // timedelta(microseconds=1),
            element.pointer.position if state is State.PASSED else None,
        )


def _is_settled(fate: Fate, position: int) -> bool:
    return fate.state is State.DROPPED or fate.passed_as not in (None, position)


def fates_of(connection: Connection, elements: Sequence[Element]) -> Fates:
    """What the ledger says of these elements, its rows locked until the transaction ends. At most two round trips."""
    lowest: dict[tuple[str, int], int] = {}
    highest: dict[tuple[str, int], int] = {}
    replayed: list[Place] = []
    for element in elements:
        raw = element.raw
        if raw.replay is None:
            lowest.setdefault((raw.topic, raw.partition), raw.offset)
            highest[raw.topic, raw.partition] = raw.offset
        else:
            replayed.append(element.place)
    rows: dict[Place, Fate] = {}
    if lowest:
        # What is read for the first time has no row: to find a range empty costs less than to look for each.
        ranges: dict[str, Any] = {}
        for number, ((topic, partition), offset) in enumerate(lowest.items()):
            ranges[f"stream_{number}"] = f"{topic}/{partition}"
            ranges[f"first_{number}"] = offset * MAX_PARTS
            ranges[f"last_{number}"] = (highest[topic, partition] + 1) * MAX_PARTS - 1
        rows |= _rows(connection, _in_ranges(len(lowest)), ranges)
    if replayed:
        streams, positions = zip(*replayed, strict=True)
        rows |= _rows(connection, _NAMED, {"streams": set(streams), "positions": positions})
    return Fates(rows, hold_replays=bool(replayed))


@lru_cache(maxsize=256)
def _in_ranges(count: int) -> Select[Any]:
    """The rows in so many ranges, each of one stream."""
    return _ROWS.where(
        or_(
            *(
                and_(
                    refused.c.stream == bindparam(f"stream_{number}"),
                    refused.c.position.between(bindparam(f"first_{number}"), bindparam(f"last_{number}")),
                )
                for number in range(count)
            )
        )
    )


def _rows(connection: Connection, query: Select[Any], parameters: dict[str, Any]) -> dict[Place, Fate]:
    rows = connection.execute(query, parameters)
    return {(row.stream, row.position): Fate(State(row.state), row.passed_as, row.elements) for row in rows}


def _storable(text: str) -> str:
    """Postgres stores no NUL in a text."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
