"""The decisions in SQL, for looking up: the topic `decisions` is their log, this is its index.

Invariant: a decision id is written once; a replay of the topic changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, Float, Index, Integer, String, Table, Text, func, select
from sqlalchemy.dialects import postgresql, sqlite

from features.clock import micros
from ingestion.database import metadata, reading
from scoring.decision import Decision, decode_decision
from scoring.errors import DecisionUnknown

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(40), nullable=False),
    Column("lead", String(40), nullable=False),
    Column("as_of", BigInteger, nullable=False),  # microseconds since 1970 UTC
    Column("tier", String(8), nullable=False),
    Column("route", String(16), nullable=False),
    Column("score", Float, nullable=False),
    Column("model_version", String(80), nullable=False),
    Column("topic", String(80), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # the record as it was answered, JSON
    Index("ix_decisions_lead_as_of", "lead", "as_of"),
    Index("ix_decisions_as_of", "as_of"),
)

_LEADS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision and where it lies on the topic."""

    decision: Decision
    body: str
    topic: str
    partition: int
    offset: int


class Ledger:
    """Reads and writes decisions. Every call blocks for one database round trip (`latest`: one per 500 leads)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert

    def add(self, entries: Sequence[Entry]) -> int:
        """Write the entries whose ids are new; how many those were."""
        if not entries:
            return 0
        rows = {entry.decision.id: _row(entry) for entry in reversed(entries)}  # the first of equal ids wins
        statement = self._insert(decisions).values(list(rows.values())).on_conflict_do_nothing(index_elements=["id"])
        with self._engine.begin() as connection:
            return len(connection.execute(statement.returning(decisions.c.id)).all())

    def body(self, decision_id: str) -> bytes:
        """The record as it was answered, JSON.

        Raises:
            DecisionUnknown: the ledger has no such id (yet).
        """
        with reading(self._engine) as connection:
            body = connection.scalar(select(decisions.c.body).where(decisions.c.id == decision_id))
        if body is None:
            raise DecisionUnknown(decision_id)
        return str(body).encode()

    def get(self, decision_id: str) -> Decision:
        """The decision.

        Raises:
            DecisionUnknown: the ledger has no such id (yet).
        """
        return decode_decision(self.body(decision_id))

    def many(self, ids: Sequence[str]) -> list[Decision]:
        """The decisions of these ids, by id; unknown ones are left out."""
        with reading(self._engine) as connection:
            page = select(decisions.c.body).where(decisions.c.id.in_(list(ids))).order_by(decisions.c.id)
            return [decode_decision(body) for body in connection.scalars(page)]

    def latest(self, leads: Iterable[str]) -> dict[str, Decision]:
        """Each lead's newest decision by `as_of`; leads without one are left out."""
        wanted = sorted(set(leads))
        found: dict[str, Decision] = {}
        for start in range(0, len(wanted), _LEADS_A_QUERY):
            newest = (
                select(
                    decisions.c.body,
                    func.row_number()
                    .over(partition_by=decisions.c.lead, order_by=(decisions.c.as_of.desc(), decisions.c.id.desc()))
                    .label("place"),
                )
                .where(decisions.c.lead.in_(wanted[start : start + _LEADS_A_QUERY]))
                .subquery()
            )
            with reading(self._engine) as connection:
                bodies = connection.scalars(select(newest.c.body).where(newest.c.place == 1)).all()
            found |= {decision.lead: decision for decision in map(decode_decision, bodies)}
        return found

    def newest(self, limit: int) -> list[Decision]:
        """The decisions made last, newest first."""
        with reading(self._engine) as connection:
            page = select(decisions.c.body).order_by(decisions.c.as_of.desc()).limit(limit)
            return [decode_decision(body) for body in connection.scalars(page)]

    def count(self) -> int:
        """How many decisions there are."""
        with reading(self._engine) as connection:
            return int(connection.scalar(select(func.count()).select_from(decisions)) or 0)

    def ids(self, after: str = "", limit: int = 1000) -> list[str]:
        """Decision ids in order, those behind `after`: a page for going through all."""
        with reading(self._engine) as connection:
            page = select(decisions.c.id).where(decisions.c.id > after).order_by(decisions.c.id).limit(limit)
            return list(connection.scalars(page))


def _row(entry: Entry) -> dict[str, Any]:
    decision = entry.decision
    return {
        "id": decision.id,
        "tenant": decision.tenant,
        "lead": decision.lead,
        "as_of": micros(decision.as_of),
        "tier": decision.tier.value,
        "route": decision.route.value,
        "score": decision.score,
        "model_version": decision.model.version,
        "topic": entry.topic,
        "partition": entry.partition,
        "offset": entry.offset,
        "body": entry.body,
    }
