"""What operators ask the ledger of refused elements, and the one thing they write: that some were dropped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, select, true, update

from ingestion import duplicates
from ingestion.contracts.event import MAX_PARTS
from ingestion.refused import State, refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Coordinates:
    """A raw message, or one element of it."""

    topic: str
    partition: int
    offset: int
    index: int | None = None

    @classmethod
    def parse(cls, text: str) -> Coordinates:
        """Read `topic/partition/offset` or `topic/partition/offset/index`. Raises `ValueError` for anything else."""
        topic, *numbers = text.split("/")
        if not topic or len(numbers) not in (2, 3) or not all(number.isdecimal() for number in numbers):
            raise ValueError(f"{text!r} is not topic/partition/offset or topic/partition/offset/index")
        return cls(topic, *map(int, numbers))

    @classmethod
    def of(cls, stream: str, position: int) -> Coordinates:
        """Those of an element, from its raw stream and position."""
        topic, _, partition = stream.rpartition("/")
        return cls(topic, int(partition), *divmod(position, MAX_PARTS))

    def __str__(self) -> str:
        parts = (self.topic, self.partition, self.offset, self.index)
        return "/".join(str(part) for part in parts if part is not None)

    @property
    def message(self) -> Coordinates:
        """The message alone."""
        return replace(self, index=None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which refused elements are meant; everything that is left open matches."""

    state: State | None = State.QUARANTINED
    reason: str | None = None
    source: str | None = None
    since: datetime | None = None  # aware; when the message was received
    until: datetime | None = None  # aware, exclusive
    at: Coordinates | None = None

    def condition(self) -> ColumnElement[bool]:
        """As SQL."""
        equal = {"state": self.state, "reason": self.reason, "source": self.source}
        found = [refused.c[name] == str(value) for name, value in equal.items() if value is not None]
        if self.since is not None:
            found.append(refused.c.received >= _micros(self.since))
        if self.until is not None:
            found.append(refused.c.received < _micros(self.until))
        if self.at is not None:
            first = self.at.offset * MAX_PARTS
            last = first + MAX_PARTS - 1
            if self.at.index is not None:
                first = last = first + self.at.index
            found += [refused.c.stream == f"{self.at.topic}/{self.at.partition}"]
            found += [refused.c.position.between(first, last)]
        condition: ColumnElement[bool] = true()
        for each in found:
            condition &= each
        return condition


class Refused(NamedTuple):
    """One refused element."""

    at: Coordinates
    state: State
    source: str
    reason: str
    message: str
    received: datetime
    passed_as: Coordinates | None
    dropped: str | None  # when, by whom and why


class Group(NamedTuple):
    """Refused elements of one source that were refused for the same type of reason."""

    source: str
    reason: str
    elements: int
    oldest: datetime
    newest: datetime
    example: str


class Totals(NamedTuple):
    """Every element that was ever read, by what it is now."""

    good: int
    duplicates: int
    quarantined: int
    dropped: int

    @property
    def accepted(self) -> int:
        """All of them."""
        return sum(self)


def groups(connection: Connection, wanted: Wanted) -> list[Group]:
    """The refused elements that match, by source and reason, the most first."""
    received = refused.c.received
    query = (
        select(
            refused.c.source,
            refused.c.reason,
            func.count().label("count"),
            func.min(received).label("oldest"),
            func.max(received).label("newest"),
            func.min(refused.c.message).label("example"),
        )
        .where(wanted.condition())
        .group_by(refused.c.source, refused.c.reason)
    )
    found = [
        Group(row.source, row.reason, row[2], _moment(row.oldest), _moment(row.newest), row.example)
        for row in connection.execute(query)
    ]
    return sorted(found, key=lambda group: (-group.elements, group.source, group.reason))


def newest(connection: Connection, wanted: Wanted, limit: int) -> list[Refused]:
    """The refused elements that match and were received last, newest first."""
    query = select(refused).where(wanted.condition())
    query = query.order_by(refused.c.received.desc(), refused.c.stream, refused.c.position).limit(limit)
    return [_refused(row) for row in connection.execute(query)]


def messages(connection: Connection, wanted: Wanted) -> dict[Coordinates, datetime]:
    """The messages that hold elements which match, and when each was received."""
    query = select(refused.c.stream, refused.c.position, refused.c.received).where(wanted.condition())
    return {
        Coordinates.of(row.stream, row.position).message: _moment(row.received) for row in connection.execute(query)
    }


def drop(connection: Connection, wanted: Wanted, *, by: str, why: str, at: datetime) -> int:
    """Mark the quarantined elements that match as dropped, for good; how many that were.

    Their bytes stay in quarantine, and the mark says who dropped them, when (`at`, aware) and why.
    """
    marks = {"state": State.DROPPED.value, "dropped_at": _micros(at), "dropped_by": by, "dropped_why": why}
    still = refused.c.state == State.QUARANTINED.value
    return connection.execute(update(refused).where(wanted.condition(), still).values(marks)).rowcount


def repeated_by(connection: Connection, at: Coordinates) -> Coordinates | None:
    """The message that a message repeats, if it is a replay by which something passed."""
    first = at.offset * MAX_PARTS
    query = select(refused.c.stream, refused.c.position).where(
        refused.c.stream == f"{at.topic}/{at.partition}", refused.c.passed_as.between(first, first + MAX_PARTS - 1)
    )
    row = connection.execute(query.limit(1)).first()
    found = None if row is None else Coordinates.of(row.stream, row.position).message
    return None if found == at.message else found


def totals(connection: Connection) -> Totals:
    """Every element that was ever read, by what it is now, at one moment. Counts all events: some seconds."""
    counted = [
        select(func.count()).select_from(duplicates.seen),
        select(func.count()).select_from(duplicates.duplicates),
        *(
            select(func.count()).select_from(refused).where(refused.c.state == state.value)
            for state in (State.QUARANTINED, State.DROPPED)
        ),
    ]
    return Totals(*connection.execute(select(*(each.scalar_subquery() for each in counted))).one())


def _refused(row: Row[Any]) -> Refused:
    dropped = None
    if row.dropped_at is not None:
        dropped = f"{_moment(row.dropped_at):%Y-%m-%d %H:%M:%S} UTC by {row.dropped_by}: {row.dropped_why}"
    return Refused(
        Coordinates.of(row.stream, row.position),
        State(row.state),
        row.source,
        row.reason,
        row.message,
        _moment(row.received),
        None if row.passed_as is None else Coordinates.of(row.stream, row.passed_as),
        dropped,
    )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
