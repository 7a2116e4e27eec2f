"""The identity ledger in the relational store: batches of events in, leads and merges out; look-ups for the API.

Invariant: whoever resolves holds the store's one identity lock (SQLite's write lock, an advisory lock on Postgres)
until the transaction ends, so that workers resolve one after the other. A batch takes a constant number of round trips.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Select, and_, bindparam, or_, select, text

from ingestion.contracts.event import (
    Claim,
    Identifier,
)
from ingestion.contracts.forwards import Forwarding, decode_forwarding
from ingestion.database import reading
from ingestion.identity.evidence import ACCOUNT_RULE, RULING_RULE, Evidence, Observation, Witness
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.ledger import Conflict, Ledger
from ingestion.identity.lists import Lists
from ingestion.identity.records import (
    EDGES_AT,
    LEADS_OF,
    NODES,
    WITHDRAWALS_AT,
    identifier_of,
    load,
    take_nodes,
    write,
)
from ingestion.identity.remembered import Owner, Remembered
from ingestion.identity.resolve import Bond
from ingestion.identity.tables import (
    among,
    edges,
    identifiers,
    leads,
    merges,
    withdrawals,
)

_LOCK = 0x1EAD  # of the advisory lock: any number that nobody else takes
Place = tuple[str, int]  # raw stream, position

_EDGES_FROM = select(edges).where(among(edges.c.a, "hashes"))
_ENDED = select(merges.c.kind, merges.c.body).where(among(merges.c.absorbed, "leads"))
_CAUSED = (
    select(merges.c.stream, merges.c.position, merges.c.absorbed_key, merges.c.kind, merges.c.body)
    .where(among(merges.c.stream, "streams"))
    .where(merges.c.position.between(bindparam("first"), bindparam("last")))
    .order_by(merges.c.stream, merges.c.position, merges.c.number)
)


class Resolution(msgspec.Struct, frozen=True, gc=False):
    """Who an event is about, and the forwardings it caused, with the partition keys of the leads that ended."""

    lead: str
    account: str | None
    identifiers: tuple[Identifier, ...]
    forwardings: tuple[Forwarding, ...]
    keys: tuple[str, ...]  # parallel to `forwardings`
    conflicts: tuple[Conflict, ...] = ()  # that it was the first to cause

    @property
    def partitionkey(self) -> str:
        """The account, else the lead."""
        return self.account or self.lead


@dataclass(frozen=True, slots=True)
class Resolved:
    """A live lead and its account."""

    lead: str
    account: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """One bond on record, with its provenance."""

    a: str
    b: str
    rule: str
    evidence: str
    stream: str
    position: int
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Past:
    """Who some identifiers were at a moment, by the evidence that was known then."""

    lead: str
    account: str | None
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a lead is who it is."""

    lead: str
    account: str | None
    identifiers: tuple[Identifier, ...]
    edges: tuple[Edge, ...]
    forwarded: tuple[Forwarding, ...]  # leads that ended in this one


class IdentityStore:
    """Resolves events to leads. One per process; safe beside others on the same database.

    `lists` matter to `resolve_batch` alone; the packaged ones if none are given.
    """

    def __init__(self, engine: Engine, identity_key: bytes, lists: Lists | None = None) -> None:
        self._engine = engine
        self._hashes = KeyedHash(identity_key)
        self._witness = Witness(self._hashes, lists)
        self._remembered = Remembered()
        self._uncommitted: tuple[Ledger, Collection[Evidence], int] | None = None

    # Writing, in the transaction of the batch

    def lock(self, connection: Connection) -> None:
        """Wait until no other worker resolves. Repeating it in one transaction does nothing."""
        if connection.dialect.name != "sqlite":  # there, BEGIN IMMEDIATE has locked already
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

    def resolve_batch(self, connection: Connection, observations: Sequence[Observation]) -> list[Resolution]:
        """Who each event is about, in order. Every observation must be of an event never resolved before.

        Blocks for the identity lock. Once a transaction; `committed` is for afterwards.
        """
        self._uncommitted = None
        if not observations:
            return []
        self.lock(connection)
        turn = self._remembered.follow(connection)
        seen = [(self._witness.evidence_of(each), each) for each in observations]
        ledger, owners = self._load(connection, seen)
        resolutions = [
            _place(ledger, *each) if owner is None else Resolution(*owner, each[0].identifiers, (), ())
            for each, owner in zip(seen, owners, strict=True)
        ]
        if ledger.changes.nodes:
            turn += 1
        new = write(connection, ledger.changes, self._hashes, turn)
        asked = {evidence for (evidence, _), owner in zip(seen, owners, strict=True) if owner is None}
        self._uncommitted = ledger, asked, turn
        return _with_conflicts(resolutions, observations, new) if new else resolutions

    def committed(self) -> None:
        """What the last batch found may be remembered. Without this the next one reads it again."""
        if self._uncommitted is not None:
            self._remembered.take_in(*self._uncommitted)
            self._uncommitted = None

    def caused_by(self, connection: Connection, places: Collection[Place]) -> dict[Place, list[tuple[str, Forwarding]]]:
        """The forwardings that events at these raw coordinates caused, with the ended leads' partition keys."""
        wanted, streams = set(places), {stream for stream, _ in places}
        if not wanted:
            return {}
        positions = [position for _, position in places]
        asked = {"streams": streams, "first": min(positions), "last": max(positions)}
        found: dict[Place, list[tuple[str, Forwarding]]] = {}
        for row in connection.execute(_CAUSED, asked):
            if (row.stream, row.position) in wanted:
                found.setdefault((row.stream, row.position), []).append(
                    (row.absorbed_key, decode_forwarding(row.kind, row.body))
                )
        return found

    def _load(
        self, connection: Connection, seen: Sequence[tuple[Evidence, Observation]]
    ) -> tuple[Ledger, list[Owner | None]]:
        """All that the batch may change; and the owners of the other events, which are known already."""
        ledger, held = Ledger(self._hashes), self._remembered.held
        ledger.held = {evidence: held[evidence] for evidence, _ in seen if evidence in held}
        owners = [self._remembered.owner(*each) for each in seen]
        if unknown := [each for each, owner in zip(seen, owners, strict=True) if owner is None]:
            load(connection, ledger, self._hashes, unknown)
            for number, (evidence, _) in enumerate(seen):
                if evidence.centre.hash in ledger.nodes:  # what is known may change before it is this event's turn
                    owners[number] = None
            asked = {evidence for (evidence, _), owner in zip(seen, owners, strict=True) if owner is None}
            if beside := {traits.hash for evidence in asked for traits in evidence.traits} - ledger.nodes.keys():
                take_nodes(ledger, connection.execute(NODES, {"hashes": beside}).all())
        return ledger, owners

    # Reading

    def identifiers_of(self, claims: Sequence[Claim]) -> tuple[Identifier, ...]:
        """The usable claims, normalised and hashed."""
        return self._witness.identifiers_of(claims)

    def identifiers_in(self, seen: Observation) -> tuple[Identifier, ...]:
        """An event's identifiers, the same whenever it is asked."""
        return self._witness.evidence_of(seen).identifiers

    def hash_text(self, text: str) -> str:
        """The keyed hash of a free text."""
        return self._hashes.text(text)

    def resolve(self, claim: Claim) -> Resolved | None:
        """Who owns an identifier; None if it is unusable or was never seen."""
        usable = self.identifiers_of((claim,))
        if not usable:
            return None
        query = select(identifiers.c.lead, identifiers.c.account).where(identifiers.c.hash == usable[0].hash)
        return self._one(query)

    def current(self, lead: str) -> Resolved | None:
        """The live lead that a lead id stands for now; None for an id that was never given out."""
        query = select(identifiers.c.lead, identifiers.c.account).join_from(
            leads, identifiers, identifiers.c.hash == leads.c.minted_from
        )
        return self._one(query.where(leads.c.id == lead))

    def aliases(self, lead: str) -> list[str]:
        """Every lead id that stands for the same person as `lead` now, itself included, sorted."""
        now = self.current(lead)
        if now is None:
            return []
        query = (
            select(leads.c.id)
            .join_from(leads, identifiers, identifiers.c.hash == leads.c.minted_from)
            .where(identifiers.c.lead == now.lead)
        )
        with reading(self._engine) as connection:
            return sorted({*connection.execute(query).scalars(), now.lead})

    def explain(self, lead: str) -> Explanation | None:
        """The identifiers, bonds and merges behind a lead; None for an id that was never given out."""
        now = self.current(lead)
        if now is None:
            return None
        with reading(self._engine) as connection:
            rows = connection.execute(select(identifiers).where(identifiers.c.lead == now.lead).order_by("hash")).all()
            hashes = [row.hash for row in rows]
            bonds = connection.execute(EDGES_AT.order_by("time", "a", "b"), {"hashes": hashes}).all()
            absorbed = connection.execute(
                select(merges.c.kind, merges.c.body)
                .where(merges.c.survivor == now.lead)
                .order_by("stream", "position", "number")
            ).all()
            withdrawn = {(row.a, row.b) for row in connection.execute(WITHDRAWALS_AT, {"hashes": hashes})}
        return Explanation(
            now.lead,
            now.account,
            tuple(identifier_of(row) for row in rows),
            tuple(
                Edge(b.a, b.b, b.rule, b.evidence, b.stream, b.position, (min(b.a, b.b), max(b.a, b.b)) in withdrawn)
                for b in bonds
            ),
            tuple(decode_forwarding(row.kind, row.body) for row in absorbed),
        )

    def at(self, lead: str, moment: datetime) -> tuple[Past, ...]:
        """Who the identifiers that ever had to do with a lead were at `moment`, in order of their leads.

        By evidence and withdrawals received until then. An identifier that nothing was tied to by then stands alone.
        """
        now = self.current(lead)
        if now is None:
            return ()
        until = int(moment.timestamp() * 1_000_000)
        ledger = Ledger(self._hashes)
        with reading(self._engine) as connection:
            mine = select(identifiers.c.hash).where(identifiers.c.lead == now.lead)
            reached = _ever_reached(connection, connection.execute(mine).scalars().all())
            take_nodes(ledger, connection.execute(NODES, {"hashes": reached}).all())
            for row in connection.execute(WITHDRAWALS_AT.where(withdrawals.c.time <= until), {"hashes": reached}):
                ledger.add_withdrawal(row.a, row.b)
            for row in connection.execute(_EDGES_FROM, {"hashes": reached}):
                if row.time <= until and (row.b in ledger.nodes or row.rule.startswith(ACCOUNT_RULE)):
                    ledger.add_bond((row.a, row.b, row.rule), Bond(row.attached, row.time, row.a, row.b, row.rule))
        nodes = ledger.nodes
        for node in nodes.values():
            node.shared = False  # of then, not of now
        found = [
            Past(nodes[c[0]].lead, nodes[c[0]].account, tuple(nodes[hash_].identifier for hash_ in c))
            for c in ledger.clusters()
        ]
        return tuple(sorted(found, key=lambda past: past.lead))

    def around(self, lead: str) -> tuple[list[str], list[Forwarding]]:
        """Every lead id that a lead ever had to do with, itself included, and how those that ended did."""
        now = self.current(lead)
        if now is None:
            return [], []
        with reading(self._engine) as connection:
            mine = select(identifiers.c.hash).where(identifiers.c.lead == now.lead)
            reached = _ever_reached(connection, connection.execute(mine).scalars().all())
            ids = sorted(row.id for row in connection.execute(LEADS_OF, {"hashes": reached}))
            return ids, [decode_forwarding(row.kind, row.body) for row in connection.execute(_ENDED, {"leads": ids})]

    def known(self, prefix: str) -> tuple[Identifier, ...]:
        """The identifiers whose hash begins with `prefix`, at most ten."""
        query = select(identifiers).where(identifiers.c.hash.startswith(prefix, autoescape=True)).limit(10)
        with reading(self._engine) as connection:
            return tuple(identifier_of(row) for row in connection.execute(query))

    def lead_of(self, hash_: str) -> Resolved | None:
        """Who owns an identifier by its hash; `None` if it was never seen."""
        return self._one(select(identifiers.c.lead, identifiers.c.account).where(identifiers.c.hash == hash_))

    def is_linked(self, a: str, b: str) -> bool:
        """Whether an operator has said that the two are one person's."""
        ends = or_(and_(edges.c.a == a, edges.c.b == b), and_(edges.c.a == b, edges.c.b == a))
        query = select(edges.c.rule).where(ends, edges.c.rule.startswith(RULING_RULE))
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def _one(self, query: Select[Any]) -> Resolved | None:
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else Resolved(row.lead, row.account)


def _ever_reached(connection: Connection, hashes: Collection[str]) -> set[str]:
    """Everything that any edge on record connects with these, withdrawn and refused ones too. A query a step."""
    reached, new = set(hashes), set(hashes)
    while new:
        rows = connection.execute(EDGES_AT, {"hashes": new}).all()
        new = {end for row in rows if not row.rule.startswith(ACCOUNT_RULE) for end in (row.a, row.b)} - reached
        reached |= new
    return reached


def _place(ledger: Ledger, evidence: Evidence, observation: Observation) -> Resolution:
    lead, account, caused = ledger.place(evidence, observation)
    keys, forwardings = tuple(zip(*caused, strict=True)) if caused else ((), ())
    return Resolution(lead, account, evidence.identifiers, forwardings, keys)


def _with_conflicts(
    resolutions: Sequence[Resolution], observations: Sequence[Observation], new: Sequence[Conflict]
) -> list[Resolution]:
    caused: dict[int, list[Conflict]] = {}
    for conflict in new:
        caused.setdefault(id(conflict.seen), []).append(conflict)
    return [
        msgspec.structs.replace(resolution, conflicts=tuple(caused.get(id(seen), ())))
        for resolution, seen in zip(resolutions, observations, strict=True)
    ]
