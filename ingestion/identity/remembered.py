"""What a worker knows from earlier batches, so that of a person who is known and says nothing new nothing is read.

Invariant: it holds what committed batches read or wrote, and nothing that any worker has changed since. Every batch
numbers the identifiers that it writes, one higher than the batch before, and whoever resolves next forgets those above
the number that it has seen. What evidence is on record is never forgotten for that, for it stays so (ADR 19).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from ingestion.identity.evidence import CACHED_CLAIMS, Evidence, Observation, make_room
from ingestion.identity.ledger import NEVER, Ledger
from ingestion.identity.resolve import EVENT_RANK
from ingestion.identity.tables import identifiers

_NEWEST = select(func.max(identifiers.c.turn))
_CHANGED = (
    select(identifiers.c.hash, identifiers.c.turn)
    .where(identifiers.c.turn > bindparam("turn"))
    .order_by(identifiers.c.turn)
    .limit(CACHED_CLAIMS)
)


class Owner(NamedTuple):
    """Whose an identifier is."""

    lead: str  # that events were sent for
    account: str | None


class Remembered:
    """The memory of one worker."""

    def __init__(self) -> None:
        self.held: dict[Evidence, int] = {}  # `Ledger.held_since`, or later
        self._owners: dict[str, Owner] = {}  # of identifiers that are not shared
        self._turn: int | None = None  # of the newest batch that is known here

    def follow(self, connection: Connection) -> int:
        """Forget whose the identifiers are that others wrote since. Returns the number of the newest batch.

        The caller holds the identity lock.
        """
        if self._turn is not None:
            rows = connection.execute(_CHANGED, {"turn": self._turn}).all()
            if len(rows) < CACHED_CLAIMS:
                for row in rows:
                    self._owners.pop(row.hash, None)
                return rows[-1].turn if rows else self._turn
        self._owners.clear()
        return connection.execute(_NEWEST).scalar() or 0

    def owner(self, evidence: Evidence, seen: Observation) -> Owner | None:
        """Whom an event is about, if it says nothing new; None if that is not known here."""
        if seen.parted or self.held.get(evidence, NEVER) > seen.time:
            return None
        return self._owners.get(evidence.centre.hash)

    def take_in(self, ledger: Ledger, asked: Collection[Evidence], turn: int) -> None:
        """What a batch came to that is committed, and the newest.

        Args:
            asked: the evidence that the ledger was asked about.
            turn: the batch's number.
        """
        for hash_ in ledger.changes.nodes:
            self._owners.pop(hash_, None)
        make_room(self.held)
        make_room(self._owners)
        for evidence in asked:
            if evidence.centre.rank < EVENT_RANK:  # an event that names nobody comes once
                self._remember(ledger, evidence)
        self._turn = turn

    def _remember(self, ledger: Ledger, evidence: Evidence) -> None:
        since, node = ledger.held_since(evidence), ledger.nodes[evidence.centre.hash]
        if since < NEVER:
            self.held[evidence] = since
        if not node.shared and node.lead in ledger.leads:
            self._owners[evidence.centre.hash] = Owner(node.lead, node.account)
