"""The rows of the identity ledger: what a batch of events needs is read, and what it changed is written.

A batch takes a constant number of round trips. The caller holds the identity lock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from ingestion.contracts.event import (
    Identifier,
    IdentifierType,
    LeadSplit,
    encode_json,
)
from ingestion.contracts.forwards import Forwarding, kind_of
from ingestion.identity.evidence import Evidence, Observation
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.ledger import NEVER, Changes, Conflict, Lead, Ledger, Node
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
_NODE = tuple(
    identifiers.c[name] for name in ("hash", "type", "scope", "blob", "lead", "account", "minted_from", "shared")
)

# Identifiers, each with its lead's row if that lead was ever sent on.
_WITH_LEADS = select(*_NODE, leads.c.forwarded_to, leads.c.version).join_from(
    identifiers, leads, leads.c.id == identifiers.c.lead, isouter=True
)
NODES = _WITH_LEADS.where(among(identifiers.c.hash, "hashes"))
_COMPONENTS = _WITH_LEADS.where(among(identifiers.c.blob, "blobs"))
_TIMES = select(edges.c.a, edges.c.b, edges.c.rule, edges.c.time).where(among(edges.c.pair, "pairs"))
EDGES_AT = select(edges).where(or_(among(edges.c.a, "hashes"), among(edges.c.b, "hashes")))
WITHDRAWALS_AT = select(withdrawals).where(or_(among(withdrawals.c.a, "hashes"), among(withdrawals.c.b, "hashes")))
LEADS_OF = select(leads).where(among(leads.c.minted_from, "hashes"))
_CONFLICTS_AT = select(conflicts.c.a, conflicts.c.b, conflicts.c.reason).where(among(conflicts.c.a, "ends"))


def load(
    connection: Connection, ledger: Ledger, hashes: KeyedHash, seen: Sequence[tuple[Evidence, Observation]]
) -> None:
    """What the events' identifiers are known to be; and the components that new evidence may change."""
    said = {evidence for evidence, _ in seen}
    wanted = {traits.hash for evidence in said for traits in evidence.traits}
    wanted.update(end for _, observation in seen for pair in observation.parted for end in pair)
    take_nodes(ledger, connection.execute(NODES, {"hashes": wanted}).all())
    unsure = {evidence for evidence, observation in seen if ledger.held.get(evidence, NEVER) > observation.time}
    if named := [hashes.bond(*pair) for evidence in unsure for pair in evidence.pairs]:
        for a, b, rule, time in connection.execute(_TIMES, {"pairs": named}).all():
            ledger.times[a, b, rule] = min(time, ledger.times.get((a, b, rule), time))
    ends = {
        hash_
        for evidence, observation in seen
        if observation.parted or ledger.is_new(evidence, observation)
        for hash_ in (*(t.hash for t in evidence.traits), *(end for pair in observation.parted for end in pair))
    }
    if ends:
        _load_components(connection, ledger, ends)


def _load_components(connection: Connection, ledger: Ledger, ends: Collection[str]) -> None:
    """Every identifier, bond and lead of the components of `ends`, and the shared identifiers next to them."""
    known = (ledger.nodes[hash_] for hash_ in ends if hash_ in ledger.nodes)
    members: list[str] = []
    if blobs := {node.blob for node in known if not node.shared}:
        members = take_nodes(ledger, connection.execute(_COMPONENTS, {"blobs": blobs}).all())
    for row in connection.execute(WITHDRAWALS_AT, {"hashes": {*members, *ends}}):
        ledger.add_withdrawal(row.a, row.b)
    if not members:
        return
    bonds = connection.execute(EDGES_AT, {"hashes": members}).all()
    beside = {end for row in bonds for end in (row.a, row.b) if end not in ledger.nodes}
    if beside:  # shared identifiers, and accounts, which are none
        take_nodes(ledger, connection.execute(NODES, {"hashes": beside}).all())
    for row in bonds:
        ledger.add_bond((row.a, row.b, row.rule), Bond(row.attached, row.time, row.a, row.b, row.rule))
    for row in connection.execute(LEADS_OF, {"hashes": members}):
        ledger.add_lead(Lead(row.id, row.minted_from, row.account, row.forwarded_to, row.version))


def take_nodes(ledger: Ledger, rows: Sequence[Any]) -> list[str]:
    """Take identifiers with their leads' rows into the ledger; returns their hashes."""
    for hash_, kind, scope, blob, lead, account, minted_from, shared, forwarded_to, version in rows:
        if hash_ in ledger.nodes:
            continue
        node = ledger.nodes[hash_] = Node.stored(Identifier(_KINDS[kind], hash_, False, scope))
        node.blob, node.lead, node.account, node.minted_from, node.shared = blob, lead, account, minted_from, shared
        if version is not None:
            ledger.add_lead(Lead(lead, minted_from, account, forwarded_to, version))
    return [row.hash for row in rows]


def identifier_of(row: Row[Any]) -> Identifier:
    return Identifier(_KINDS[row.type], row.hash, False, row.scope)


def write(connection: Connection, changes: Changes, hashes: KeyedHash, turn: int) -> list[Conflict]:
    """Everything that the batch of this number changed, one statement a table.

    Returns the conflicts that were not on record.
    """
    columns = ("hash", "type", "scope", "blob", "lead", "account", "minted_from", "shared", "turn")
    write_rows(
        connection,
        insert_or_change(connection, identifiers, columns[3:]),
        columns,
        [
            (
                hash_,
                n.identifier.type.value,
                n.identifier.scope,
                n.blob,
                n.lead,
                n.account,
                n.minted_from,
                n.shared,
                turn,
            )
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


def _merge_row(key: str, forwarding: Forwarding) -> tuple[Any, ...]:
    raw, body = forwarding.raw, encode_json(forwarding)
    sent = raw.stream, raw.position, forwarding.number, kind_of(forwarding).value, body
    if isinstance(forwarding, LeadSplit):
        return forwarding.lead, key, forwarding.parts[0].lead, False, *sent
    return forwarding.absorbed, key, forwarding.survivor, forwarding.joined, *sent
