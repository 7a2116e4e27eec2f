"""The review queue: what resolution refused to believe, who is probably one person, and what has become of it since.

Invariant: a state is read off the ledger and never stored, so a ruling by whatever way closes what it settles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Column, Engine, Row, Select, Table, and_, case, delete, insert, select, union_all

from ingestion.contracts.event import IdentifierType
from ingestion.database import reading
from ingestion.identity.tables import among, conflicts, dismissals, identifiers, suggestions, withdrawals

# The others are never bonded.
LINKABLE = (IdentifierType.CRM, IdentifierType.USER_ID, IdentifierType.EMAIL, IdentifierType.ANONYMOUS_ID)


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
    stream: str  # of a suggestion empty
    position: int
    probability: float | None = None  # of a suggestion


class Suggestion(NamedTuple):
    """Two leads that are probably one person's, and what they agree in."""

    lead: str
    other: str
    probability: float
    agreed: tuple[str, ...]


class ReviewQueue:
    """Reads the queue, and takes suggestions in. Rulings are published (`ingestion.rulings`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def items(self, limit: int, *, every: bool = False) -> tuple[Item, ...]:
        """What is open, newest first; with `every`, what was closed too."""
        found: list[Item] = []
        with reading(self._engine) as connection:
            for table in (conflicts, suggestions):
                query, state = _with_state(table)
                wanted = query if every else query.where(state == State.OPEN)
                best = [] if table is conflicts else [suggestions.c.probability.desc()]
                newest = wanted.order_by(table.c.time.desc(), *best, table.c.a, table.c.b).limit(limit)
                found += map(_item, connection.execute(newest))
        found.sort(key=lambda item: (item.found, item.probability or 0.0), reverse=True)
        return tuple(found[:limit])

    def reasons(self, a: str, b: str) -> tuple[str, ...]:
        """Why resolution refused the two, if it did."""
        return self._of(conflicts.c.reason, a, b)

    def is_dismissed(self, a: str, b: str) -> bool:
        """Whether an operator has looked at the two."""
        return bool(self._of(dismissals.c.a, a, b))

    def suggest(self, found: Sequence[Suggestion], now: datetime) -> int:
        """Put these in place of the last suggestions; returns how many.

        Left out are leads that have no identifier that can be linked, and two of whom an operator has said before that
        they are two, or that nobody need look at them.
        """
        time = int(now.timestamp() * 1_000_000)
        with self._engine.begin() as connection:
            connection.execute(delete(suggestions))
            mine = connection.execute(_named_by(), {"leads": {lead for pair in found for lead in pair[:2]}})
            names = {row.lead: row.hash for row in mine}
            settled = {frozenset(row) for row in connection.execute(_settled())}
            rows = [
                {"a": a, "b": b, "probability": each.probability, "agreed": ", ".join(each.agreed), "time": time}
                for each in found
                if {each.lead, each.other} <= names.keys() and frozenset((each.lead, each.other)) not in settled
                for a, b in [sorted((names[each.lead], names[each.other]))]
            ]
            if rows:
                connection.execute(insert(suggestions), rows)
        return len(rows)

    def _of(self, wanted: Column[Any], a: str, b: str) -> tuple[str, ...]:
        columns = wanted.table.c
        query = select(wanted).where(columns.a == min(a, b), columns.b == max(a, b)).order_by(wanted)
        with reading(self._engine) as connection:
            return tuple(connection.execute(query).scalars())


def _with_state(table: Table) -> tuple[Select[Any], Any]:
    """A table of pairs, each with what has become of it."""
    one, other, a, b = identifiers.alias(), identifiers.alias(), table.c.a, table.c.b
    state = case(
        (dismissals.c.a.is_not(None), State.DISMISSED),
        (withdrawals.c.a.is_not(None), State.PARTED),
        (and_(one.c.lead == other.c.lead, a != b), State.JOINED),
        else_=State.OPEN,
    )
    query = (
        select(table, state.label("state"))
        .outerjoin(dismissals, and_(dismissals.c.a == a, dismissals.c.b == b))
        .outerjoin(withdrawals, and_(withdrawals.c.a == a, withdrawals.c.b == b))
        .outerjoin(one, one.c.hash == a)
        .outerjoin(other, other.c.hash == b)
    )
    return query, state


def _item(row: Row[Any]) -> Item:
    state, found = State(row.state), datetime.fromtimestamp(row.time / 1_000_000, UTC)
    probability = row._mapping.get("probability")
    if probability is None:
        return Item(row.a, row.b, row.reason, state, found, row.stream, row.position)
    reason = f"probably one person ({probability:.2f}): {row.agreed}"
    return Item(row.a, row.b, reason, state, found, "", 0, probability)


def _named_by() -> Select[Any]:
    """The identifier that each of `leads` is minted from, where it can be linked."""
    linkable = identifiers.c.type.in_([kind.value for kind in LINKABLE])
    minted = identifiers.c.hash == identifiers.c.minted_from
    return select(identifiers.c.lead, identifiers.c.hash).where(
        minted, linkable, identifiers.c.shared.is_(False), among(identifiers.c.lead, "leads")
    )


def _settled() -> Any:
    """Two leads each, of whom an operator has said something, whichever of their identifiers it was about."""
    one, other = identifiers.alias(), identifiers.alias()
    said = union_all(select(dismissals.c.a, dismissals.c.b), select(withdrawals.c.a, withdrawals.c.b)).subquery()
    return (
        select(one.c.lead, other.c.lead.label("other"))
        .join_from(said, one, one.c.hash == said.c.a)
        .join(other, other.c.hash == said.c.b)
    )
