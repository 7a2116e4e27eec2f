"""What was asked for, object by object: waiting, fetched or failed. The queue, the cache and the record of failures.

Invariant: an object has one row. A waiting row stays so until an answer that was asked for after `since` is durable on
the raw topic; whoever takes it moves its time ahead, so that it comes up again if he dies. Times are microseconds
since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from ingestion.database import metadata, reading
from ingestion.hydration.vendor import Wanted
from ingestion.identity.tables import insert_new

hydrations = Table(
    "hydrations",
    metadata,
    Column("system", String(40), primary_key=True),
    Column("account", String(100), primary_key=True),
    Column("scope", String(40), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("object", String(253), primary_key=True),  # as long as a domain may be
    Column("state", String(8), nullable=False),
    Column("at", BigInteger, nullable=False),  # due; asked for, of what is fetched; given up, of what failed
    Column("since", BigInteger, nullable=False),  # an answer that was asked for before this does not count
    Column("attempts", Integer, nullable=False),
    Column("asked_by", String(120), nullable=False),  # raw topic/partition/offset
    Column("traceparent", String(55), nullable=False),
    Column("error", String(200), nullable=True),
    Index("ix_hydrations_state", "system", "account", "state", "at"),
)
WAITING, FETCHED, FAILED = "waiting", "fetched", "failed"
_KEY = ("system", "account", "scope", "kind", "object")
_MICROS = 1_000_000

# An ask of an object that has a row: an answer, or a failure, that it outdates becomes a waiting row again; one that
# waits already must be answered anew.
_IS_IT = and_(*(hydrations.c[name] == bindparam(f"new_{name}") for name in _KEY))
_REOPEN = (
    update(hydrations)
    .where(_IS_IT, hydrations.c.state != WAITING)
    .where(
        or_(
            hydrations.c.at < bindparam("new_since"),
            and_(hydrations.c.state == FETCHED, hydrations.c.at < bindparam("new_oldest")),
        )
    )
    .values({name: bindparam(f"new_{name}") for name in hydrations.c.keys() if name not in _KEY})  # noqa: SIM118
)
_RAISE = (
    update(hydrations).where(_IS_IT, hydrations.c.since < bindparam("new_since")).values(since=bindparam("new_since"))
)


class Ask(NamedTuple):
    """A raw message asks for an object."""

    system: str
    account: str
    about: Wanted
    received: float  # epoch seconds
    oldest: float  # answers that were asked for before are too old to count, epoch seconds
    asked_by: str
    traceparent: str


class Task(NamedTuple):
    """A waiting object whose time has come."""

    system: str
    account: str
    scope: str
    kind: str
    object: str
    attempts: int  # that came to nothing
    asked_by: str
    traceparent: str

    @property
    def about(self) -> Wanted:
        """What to fetch."""
        return Wanted(self.kind, self.object, self.scope)


class Failure(NamedTuple):
    """An object that could not be fetched."""

    system: str
    account: str
    kind: str
    object: str
    at: int
    attempts: int
    asked_by: str
    error: str


class Hydrations:
    """The table. Every call blocks for one short transaction; times are epoch seconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, asks: Sequence[Ask], now: float) -> None:
        """Remember what is asked for, unless there is an answer that counts, or a failure that nothing has changed."""
        newest = {(ask.system, ask.account, ask.about): ask for ask in asks}  # a busy object is named many times
        if not newest:
            return
        # In one order everywhere: two workers that note the same objects must not wait for each other.
        rows = sorted((_row(ask, now) for ask in newest.values()), key=lambda row: [row[name] for name in _KEY])
        given = [{f"new_{name}": value for name, value in row.items()} for row in rows]
        for row in rows:
            del row["oldest"]
        with self._engine.begin() as connection:
            connection.execute(insert_new(connection, hydrations), rows)
            connection.execute(_REOPEN, given)
            connection.execute(_RAISE, given)

    def take(self, owner: tuple[str, str], now: float, lease_seconds: float) -> Task | None:
        """The waiting object that has been due longest, ours for `lease_seconds`; none if none is due."""
        mine = (*_of_owner(owner), hydrations.c.state == WAITING, hydrations.c.at <= _micros(now))
        columns = [hydrations.c[name] for name in Task._fields]
        with self._engine.begin() as connection:
            found = connection.execute(
                select(*columns).where(*mine).order_by(hydrations.c.at).limit(1).with_for_update(skip_locked=True)
            ).first()
            if found is None:
                return None
            task = Task(*found)
            due = _micros(now + lease_seconds)
            connection.execute(update(hydrations).where(*_of_task(task)).values(at=due))
        return task

    def fetched(self, task: Task, asked: float, now: float) -> None:
        """Its answer, asked for at `asked`, is durable. If it has changed since, it goes on waiting."""
        is_current = hydrations.c.since <= _micros(asked)
        done: dict[str, Any] = {"state": FETCHED, "at": _micros(asked), "attempts": 0, "error": None}
        with self._engine.begin() as connection:
            if not connection.execute(update(hydrations).where(*_of_task(task), is_current).values(done)).rowcount:
                connection.execute(update(hydrations).where(*_of_task(task)).values(at=_micros(now)))

    def later(self, task: Task, due: float, error: str) -> None:
        """It could not be fetched; try again when it is `due`."""
        self._set(task, state=WAITING, at=_micros(due), attempts=task.attempts + 1, error=error[:200])

    def failed(self, task: Task, now: float, error: str) -> None:
        """It cannot be fetched; nobody tries again until told to."""
        self._set(task, state=FAILED, at=_micros(now), attempts=task.attempts + 1, error=error[:200])

    def failures(self, limit: int) -> list[Failure]:
        """What failed, newest first."""
        columns = [hydrations.c[name] for name in Failure._fields]
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(*columns).where(hydrations.c.state == FAILED).order_by(hydrations.c.at.desc()).limit(limit)
            )
            return [Failure(*row) for row in rows]

    def retry(self, now: float) -> int:
        """Let everything that failed wait again; how much that is."""
        fresh = {"state": WAITING, "at": _micros(now), "attempts": 0}
        with self._engine.begin() as connection:
            return connection.execute(update(hydrations).where(hydrations.c.state == FAILED).values(fresh)).rowcount

    def count(self, owner: tuple[str, str], state: str) -> int:
        """How many of an account's objects are `waiting` or `failed`."""
        mine = (*_of_owner(owner), hydrations.c.state == state)
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(hydrations).where(*mine)).scalar_one()

    def forget(self, owner: tuple[str, str], before: float) -> None:
        """Drop the rows of answers that are too old to count."""
        old = (*_of_owner(owner), hydrations.c.state == FETCHED, hydrations.c.at < _micros(before))
        with self._engine.begin() as connection:
            connection.execute(delete(hydrations).where(*old))

    def _set(self, task: Task, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(hydrations).where(*_of_task(task)).values(values))


def _row(ask: Ask, now: float) -> dict[str, Any]:
    return {
        "system": ask.system,
        "account": ask.account,
        "scope": ask.about.scope,
        "kind": ask.about.kind,
        "object": ask.about.id,
        "state": WAITING,
        "at": _micros(now),
        "since": _micros(ask.received) if ask.about.anew else 0,
        "oldest": _micros(ask.oldest),
        "attempts": 0,
        "asked_by": ask.asked_by,
        "traceparent": ask.traceparent,
        "error": None,
    }


def _of_task(task: Task) -> Iterable[Any]:
    return [hydrations.c[name] == getattr(task, name) for name in _KEY]


def _of_owner(owner: tuple[str, str]) -> Iterable[Any]:
    return (hydrations.c.system == owner[0], hydrations.c.account == owner[1])


def _micros(seconds: float) -> int:
    return int(seconds * _MICROS)
