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
from sqlalchemy import Connection, Engine, Row, Select, and_, bindparam, or_, select, text

from ingestion.contracts.event import (
    Claim,
    Identifier,
    IdentifierType,
    LeadSplit,
    RecordKind,
    decode_merge,
    decode_split,
    encode_json,
)
from ingestion.contracts.forwards import Forwarding
from ingestion.database import reading
from ingestion.identity.evidence import ACCOUNT_RULE, RULING_RULE, Evidence, Observation, Witness, make_room
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.ledger import NEVER, Changes, Conflict, Lead, Ledger, Node
from ingestion.identity.lists import Lists
from ingestion.identity.resolve import Bond
from ingestion.identity.tables import (
    among,
    conflicts,
    dismissals,
    edges,
    identifiers,
    insert_new,
    insert_or_change,
    insert_rows,
    leads,
    merges,
    withdrawals,
    write_rows,
)

_KINDS = {kind.value: kind for kind in IdentifierType}
_LOCK = 0x1EAD  # of the advisory lock: any number that nobody else takes
Place = tuple[str, int]  # raw stream, position

# Identifiers, each with its lead's row if that lead was ever sent on.
_WITH_LEADS = select(identifiers, leads.c.forwarded_to, leads.c.version).join_from(
    identifiers, leads, leads.c.id == identifiers.c.lead, isouter=True
)
_NODES = _WITH_LEADS.where(among(identifiers.c.hash, "hashes"))
_COMPONENTS = _WITH_LEADS.where(among(identifiers.c.blob, "blobs"))
_TIMES = select(edges.c.a, edges.c.b, edges.c.rule, edges.c.time).where(among(edges.c.pair, "pairs"))
_EDGES_AT = select(edges).where(or_(among(edges.c.a, "hashes"), among(edges.c.b, "hashes")))
_EDGES_FROM = select(edges).where(among(edges.c.a, "hashes"))
_WITHDRAWALS_AT = select(withdrawals).where(or_(among(withdrawals.c.a, "hashes"), among(withdrawals.c.b, "hashes")))
_LEADS_OF = select(leads).where(among(leads.c.minted_from, "hashes"))
_CONFLICTS_AT = select(conflicts.c.a, conflicts.c.b, conflicts.c.reason).where(among(conflicts.c.a, "ends"))
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
        self._held: dict[Evidence, int] = {}  # of what was read: what is on record stays on record

    # Writing, in the transaction of the batch

    def lock(self, connection: Connection) -> None:
        """Wait until no other worker resolves. Repeating it in one transaction does nothing."""
        if connection.dialect.name != "sqlite":  # there, BEGIN IMMEDIATE has locked already
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

    def resolve_batch(self, connection: Connection, observations: Sequence[Observation]) -> list[Resolution]:
        """Who each event is about, in order. Every observation must be of an event never resolved before.

        Blocks for the identity lock.
        """
        if not observations:
            return []
        self.lock(connection)
        seen = [(self._witness.evidence_of(each), each) for each in observations]
        ledger = Ledger(self._hashes)
        _load(connection, ledger, self._hashes, seen, self._held)
        resolutions = []
        for evidence, observation in seen:
            lead, account, caused = ledger.place(evidence, observation)
            keys, forwardings = tuple(zip(*caused, strict=True)) if caused else ((), ())
            resolutions.append(Resolution(lead, account, evidence.identifiers, forwardings, keys))
        new = _write(connection, ledger.changes, self._hashes)
        return _with_conflicts(resolutions, observations, new) if new else resolutions

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
                found.setdefault((row.stream, row.position), []).append((row.absorbed_key, _forwarding(row)))
        return found

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
            bonds = connection.execute(_EDGES_AT.order_by("time", "a", "b"), {"hashes": hashes}).all()
            absorbed = connection.execute(
                select(merges.c.kind, merges.c.body)
                .where(merges.c.survivor == now.lead)
                .order_by("stream", "position", "number")
            ).all()
            withdrawn = _withdrawn_at(connection, hashes)
        return Explanation(
            now.lead,
            now.account,
            tuple(_identifier(row) for row in rows),
            tuple(
                Edge(b.a, b.b, b.rule, b.evidence, b.stream, b.position, (min(b.a, b.b), max(b.a, b.b)) in withdrawn)
                for b in bonds
            ),
            tuple(_forwarding(row) for row in absorbed),
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
            _nodes(ledger, connection.execute(_NODES, {"hashes": reached}).all())
            for row in connection.execute(_WITHDRAWALS_AT.where(withdrawals.c.time <= until), {"hashes": reached}):
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
            ids = sorted(row.id for row in connection.execute(_LEADS_OF, {"hashes": reached}))
            return ids, [_forwarding(row) for row in connection.execute(_ENDED, {"leads": ids})]

    def known(self, prefix: str) -> tuple[Identifier, ...]:
        """The identifiers whose hash begins with `prefix`, at most ten."""
        query = select(identifiers).where(identifiers.c.hash.startswith(prefix, autoescape=True)).limit(10)
        with reading(self._engine) as connection:
            return tuple(_identifier(row) for row in connection.execute(query))

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
        rows = connection.execute(_EDGES_AT, {"hashes": new}).all()
        new = {end for row in rows if not row.rule.startswith(ACCOUNT_RULE) for end in (row.a, row.b)} - reached
        reached |= new
    return reached


def _load(
    connection: Connection,
    ledger: Ledger,
    hashes: KeyedHash,
    seen: Sequence[tuple[Evidence, Observation]],
    held: dict[Evidence, int],
) -> None:
    """What the batch's identifiers are known to be; and the components that its new evidence may change.

    Args:
        held: `Ledger.held_since` of evidence that an earlier batch found on record; takes in what this one finds.
    """
    said = {evidence for evidence, _ in seen}
    wanted = {traits.hash for evidence in said for traits in evidence.traits}
    wanted.update(end for _, observation in seen for pair in observation.parted for end in pair)
    _nodes(ledger, connection.execute(_NODES, {"hashes": wanted}).all())
    for a, b in _withdrawn_at(connection, wanted):
        ledger.add_withdrawal(a, b)
    unsure = {evidence for evidence, observation in seen if held.get(evidence, NEVER) > observation.time}
    if named := [hashes.bond(*pair) for evidence in unsure for pair in evidence.pairs]:
        for a, b, rule, time in connection.execute(_TIMES, {"pairs": named}).all():
            ledger.times[a, b, rule] = min(time, ledger.times.get((a, b, rule), time))
    make_room(held)
    held |= {evidence: since for evidence in unsure if (since := ledger.held_since(evidence)) < NEVER}
    ledger.held = {evidence: held[evidence] for evidence in said if evidence in held}
    touched = {
        ledger.nodes[hash_].blob
        for evidence, observation in seen
        if ledger.is_new(evidence, observation)
        for hash_ in (*(t.hash for t in evidence.traits), *(end for pair in observation.parted for end in pair))
        if hash_ in ledger.nodes and not ledger.nodes[hash_].shared
    }
    if touched:
        _load_components(connection, ledger, touched)


def _load_components(connection: Connection, ledger: Ledger, blobs: Collection[str]) -> None:
    """Every identifier, bond and lead of these components, and the shared identifiers next to them."""
    members = _nodes(ledger, connection.execute(_COMPONENTS, {"blobs": blobs}).all())
    bonds = connection.execute(_EDGES_AT, {"hashes": members}).all()
    beside = {end for row in bonds for end in (row.a, row.b) if end not in ledger.nodes}
    if beside:  # shared identifiers, and accounts, which are none
        _nodes(ledger, connection.execute(_NODES, {"hashes": beside}).all())
    for a, b in _withdrawn_at(connection, members):
        ledger.add_withdrawal(a, b)
    for row in bonds:
        ledger.add_bond((row.a, row.b, row.rule), Bond(row.attached, row.time, row.a, row.b, row.rule))
    for row in connection.execute(_LEADS_OF, {"hashes": members}):
        ledger.add_lead(Lead(row.id, row.minted_from, row.account, row.forwarded_to, row.version))


def _withdrawn_at(connection: Connection, hashes: Collection[str]) -> set[tuple[str, str]]:
    """The withdrawals with an end among these identifiers."""
    return {(row.a, row.b) for row in connection.execute(_WITHDRAWALS_AT, {"hashes": hashes})}


def _nodes(ledger: Ledger, rows: Sequence[Any]) -> list[str]:
    """Take identifiers with their leads' rows into the ledger; returns their hashes."""
    for hash_, kind, scope, blob, lead, account, minted_from, shared, forwarded_to, version in rows:
        if hash_ in ledger.nodes:
            continue
        node = ledger.nodes[hash_] = Node.stored(Identifier(_KINDS[kind], hash_, False, scope))
        node.blob, node.lead, node.account, node.minted_from, node.shared = blob, lead, account, minted_from, shared
        if version is not None:
            ledger.add_lead(Lead(lead, minted_from, account, forwarded_to, version))
    return [row.hash for row in rows]


def _identifier(row: Row[Any]) -> Identifier:
    return Identifier(_KINDS[row.type], row.hash, False, row.scope)


def _write(connection: Connection, changes: Changes, hashes: KeyedHash) -> list[Conflict]:
    """Everything that the batch changed, one statement a table. Returns the conflicts that were not on record."""
    columns = ("hash", "type", "scope", "blob", "lead", "account", "minted_from", "shared")
    write_rows(
        connection,
        insert_or_change(connection, identifiers, columns[3:]),
        columns,
        [
            (hash_, n.identifier.type.value, n.identifier.scope, n.blob, n.lead, n.account, n.minted_from, n.shared)
            for hash_, n in changes.nodes.items()
        ],
    )
    write_rows(
        connection,
        insert_rows(connection, edges),
        ("pair", "time", "a", "b", "rule", "attached", "evidence", "stream", "position"),
        [
            (hashes.bond(*pair), bond.time, *pair, bond.attached, seen.raw.sha256, seen.raw.stream, seen.raw.position)
            for pair, bond, seen in changes.bonds
        ],
    )
    write_rows(
        connection,
        insert_or_change(connection, leads, ("forwarded_to", "version")),
        ("id", "minted_from", "account", "forwarded_to", "version"),
        [(each.id, each.minted_from, each.account, each.forwarded_to, each.version) for each in changes.leads.values()],
    )
    write_rows(
        connection,
        insert_rows(connection, merges),
        ("absorbed", "absorbed_key", "survivor", "joined", "stream", "position", "number", "kind", "body"),
        [_merge_row(key, forwarding) for key, forwarding in changes.forwardings],
    )
    write_rows(
        connection,
        insert_rows(connection, withdrawals),
        ("a", "b", "time", "stream", "position"),
        [(a, b, seen.time, seen.raw.stream, seen.raw.position) for a, b, seen in changes.withdrawals],
    )
    write_rows(
        connection,
        insert_new(connection, dismissals),
        ("a", "b", "time", "stream", "position"),
        [(a, b, seen.time, seen.raw.stream, seen.raw.position) for a, b, seen in changes.dismissals],
    )
    new = _not_on_record(connection, changes.conflicts)
    write_rows(
        connection,
        insert_rows(connection, conflicts),
        ("a", "b", "reason", "time", "stream", "position"),
        [(*key, each.seen.time, each.seen.raw.stream, each.seen.raw.position) for key, each in new.items()],
    )
    return list(new.values())


def _not_on_record(connection: Connection, found: Sequence[Conflict]) -> dict[tuple[str, str, str], Conflict]:
    """Of these conflicts those to be written, by their keys: a component's are found every time it is resolved."""
    new: dict[tuple[str, str, str], Conflict] = {}
    for each in found:
        new.setdefault((min(each.a, each.b), max(each.a, each.b), each.reason[:120]), each)
    if new:
        for row in connection.execute(_CONFLICTS_AT, {"ends": {a for a, _, _ in new}}):
            new.pop((row.a, row.b, row.reason), None)
    return new


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


def _merge_row(key: str, forwarding: Forwarding) -> tuple[Any, ...]:
    raw, body = forwarding.raw, encode_json(forwarding)
    where = raw.stream, raw.position, forwarding.number
    if isinstance(forwarding, LeadSplit):
        return forwarding.lead, key, forwarding.parts[0].lead, False, *where, RecordKind.SPLIT.value, body
    return forwarding.absorbed, key, forwarding.survivor, forwarding.joined, *where, RecordKind.MERGE.value, body


def _forwarding(row: Any) -> Forwarding:
    return decode_split(row.body) if row.kind == RecordKind.SPLIT else decode_merge(row.body)
