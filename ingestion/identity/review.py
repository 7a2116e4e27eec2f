"""The review queue: what resolution refused to believe, and what has become of it since.

Invariant: a state is read off the ledger and never stored, so a ruling by whatever way closes what it settles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Engine, and_, case, select

from ingestion.database import reading
from ingestion.identity.tables import conflicts, dismissals, identifiers, withdrawals


class State(StrEnum):
    """What has become of something in the queue."""

    OPEN = "open"
    DISMISSED = "dismissed"  # an operator has looked at it
    PARTED = "parted"  # the two are two persons', an operator says
    JOINED = "joined"  # the two have become one person's


@dataclass(frozen=True, slots=True)
class Item:
    """Two identifiers or leads, or one identifier twice, for a person to look at."""

    a: str
    b: str
    reason: str
    state: State
    found: datetime  # when what caused it was received
    stream: str
    position: int


class ReviewQueue:
    """Reads the queue; rulings are published (`ingestion.rulings`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def items(self, limit: int, *, every: bool = False) -> tuple[Item, ...]:
        """What is open, newest first; with `every`, what was closed too."""
        one, other = identifiers.alias(), identifiers.alias()
        state = case(
            (dismissals.c.a.is_not(None), State.DISMISSED),
            (withdrawals.c.a.is_not(None), State.PARTED),
            (and_(one.c.lead == other.c.lead, conflicts.c.a != conflicts.c.b), State.JOINED),
            else_=State.OPEN,
        )
        query = (
            select(conflicts, state.label("state"))
            .outerjoin(dismissals, and_(dismissals.c.a == conflicts.c.a, dismissals.c.b == conflicts.c.b))
            .outerjoin(withdrawals, and_(withdrawals.c.a == conflicts.c.a, withdrawals.c.b == conflicts.c.b))
            .outerjoin(one, one.c.hash == conflicts.c.a)
            .outerjoin(other, other.c.hash == conflicts.c.b)
            .order_by(conflicts.c.time.desc(), conflicts.c.stream, conflicts.c.position, conflicts.c.a, conflicts.c.b)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query if every else query.where(state == State.OPEN)).all()
        return tuple(
            Item(
                row.a,
                row.b,
                row.reason,
                State(row.state),
                datetime.fromtimestamp(row.time / 1_000_000, UTC),
                row.stream,
                row.position,
            )
            for row in rows
        )

    def reasons(self, a: str, b: str) -> tuple[str, ...]:
        """Why the two are in the queue, or were."""
        return self._of(conflicts.c.reason, a, b)

    def is_dismissed(self, a: str, b: str) -> bool:
        """Whether an operator has looked at the two."""
        return bool(self._of(dismissals.c.a, a, b))

    def _of(self, wanted: Column[Any], a: str, b: str) -> tuple[str, ...]:
        columns = wanted.table.c
        query = select(wanted).where(columns.a == min(a, b), columns.b == max(a, b)).order_by(wanted)
        with reading(self._engine) as connection:
            return tuple(connection.execute(query).scalars())
