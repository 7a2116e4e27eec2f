"""The components that a micro-batch touches, in memory: evidence goes in, event by event; placements come out.

Pure but for its own state: `store` loads what a batch may touch, and writes what `changes` names afterwards. Working
event by event makes the outcome independent of where a batch begins and ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.contracts.event import Identifier, LeadMerged, LeadPart, LeadSplit
from ingestion.contracts.forwards import Forwarding
from ingestion.identity.accounts import AccountRule
from ingestion.identity.evidence import ACCOUNT_RULE, Evidence, Observation, Pair
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.resolve import MAX_DEGREE, Bond, Traits, is_shared, resolve, strongest, traits_of

_NO_BONDS: dict[Pair, Bond] = {}  # never written to
NEVER = 1 << 62  # microseconds
FROZEN = "shared by too many persons: frozen"
CIRCLE = "its state lies with another lead since a bond was refused: the ids of both have been used before"


class Lead:
    """A lead id that was sent on."""

    __slots__ = ("account", "forwarded_to", "id", "minted_from", "version")

    def __init__(
        self, id_: str, minted_from: str, account: str | None, forwarded_to: str | None = None, version: int = 1
    ) -> None:
        self.id = id_
        self.minted_from = minted_from
        self.account = account
        self.forwarded_to = forwarded_to
        self.version = version

    @property
    def partitionkey(self) -> str:
        return self.account or self.id


class Node:
    """An identifier, where it belongs now, and the evidence around it if its component was loaded."""

    __slots__ = (
        "account",
        "accounts",
        "blob",
        "bonds",
        "identifier",
        "lead",
        "minted_from",
        "shared",
        "traits",
    )

    def __init__(self, identifier: Identifier, traits: Traits) -> None:
        self.identifier = identifier
        self.traits = traits
        self.blob = self.minted_from = traits.hash
        self.lead = ""
        self.account: str | None = None
        self.shared = False
        # Most nodes are only looked up: what is in none of them is one dict and one set for all.
        self.bonds: dict[Pair, Bond] = _NO_BONDS
        self.accounts: frozenset[tuple[AccountRule, str]] = frozenset()

    @classmethod
    def stored(cls, identifier: Identifier) -> Node:
        return cls(identifier, traits_of(identifier.hash, identifier.type, identifier.scope))


class Placement(NamedTuple):
    """Whom an event is about, and the forwardings it caused, each with the partition key of the lead that ended."""

    lead: str
    account: str | None
    forwardings: tuple[tuple[str, Forwarding], ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something for the review queue."""

    a: str
    b: str
    reason: str
    seen: Observation


@dataclass(slots=True)
class Changes:
    """What a batch changed."""

    nodes: dict[str, Node] = field(default_factory=dict)
    leads: dict[str, Lead] = field(default_factory=dict)
    bonds: list[tuple[Pair, Bond, Observation]] = field(default_factory=list)
    forwardings: list[tuple[str, Forwarding]] = field(default_factory=list)
    withdrawals: list[tuple[str, str, Observation]] = field(default_factory=list)
    dismissals: list[tuple[str, str, Observation]] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


class Ledger:
    """The working set of one batch."""

    def __init__(self, hashes: KeyedHash) -> None:
        self._hashes = hashes
        self.nodes: dict[str, Node] = {}
        self.leads: dict[str, Lead] = {}
        self.times: dict[Pair, int] = {}  # of bonds on record, withdrawn ones too
        self.held: dict[Evidence, int] = {}  # `held_since`, or later: what was found when it was asked last
        self._withdrawn: set[tuple[str, str]] = set()
        self._withdrawn_at = Counter[str]()  # pairs by their ends
        self.changes = Changes()
        self._minted: dict[str, list[Lead]] = {}

    # Loading

    def add_lead(self, lead: Lead) -> None:
        """Take in a lead from the store, once."""
        if lead.id not in self.leads:
            self.leads[lead.id] = lead
            self._minted.setdefault(lead.minted_from, []).append(lead)

    def add_withdrawal(self, a: str, b: str) -> None:
        """Take in a withdrawal, once, before the bonds between the two."""
        pair = (min(a, b), max(a, b))
        if pair not in self._withdrawn:
            self._withdrawn.add(pair)
            self._withdrawn_at.update(pair)

    def add_bond(self, pair: Pair, bond: Bond) -> None:
        """Take in a bond, unless it is withdrawn; of two with one pair, the earlier evidence counts."""
        a, b, rule = pair
        if (min(a, b), max(a, b)) in self._withdrawn:
            return
        if rule.startswith(ACCOUNT_RULE):
            self.nodes[a].accounts |= {(AccountRule[rule.removeprefix(ACCOUNT_RULE).upper()], b)}
            return
        for end in (self.nodes[a], self.nodes[b]):
            if end.bonds is _NO_BONDS:
                end.bonds = {}
            known = end.bonds.get(pair)
            if known is None or bond.time < known.time:
                end.bonds[pair] = bond

    def is_new(self, evidence: Evidence, seen: Observation) -> bool:
        """Whether the ledger does not hold all of this yet, so that components may change."""
        if seen.parted and any((min(pair), max(pair)) not in self._withdrawn for pair in seen.parted):
            return True
        time = seen.time
        if self.held.get(evidence, NEVER) <= time:  # what is on record stays, and its time only becomes earlier
            return False
        held = self.held[evidence] = self.held_since(evidence)
        return held > time

    def held_since(self, evidence: Evidence) -> int:
        """When the newest of what it speaks for was first seen, in microseconds; `NEVER` if some is not on record."""
        if any(traits.hash not in self.nodes for traits in evidence.traits):
            return NEVER
        return max((self.times.get(pair, NEVER) for pair in evidence.pairs), default=0)

    # Working

    def place(self, evidence: Evidence, seen: Observation) -> Placement:
        """Take in one event's evidence and say whom the event is about."""
        forwardings: list[tuple[str, Forwarding]] = []
        if self.is_new(evidence, seen):
            self._record(evidence, seen)
            parted = [end for pair in seen.parted for end in pair if end in self.nodes]
            rule = "unmerge" if parted else next((pair[2] for pair, _ in evidence.ties), "")
            rule = rule or ("account" if evidence.accounts else "identifier")
            forwardings = self._settle([*(traits.hash for traits in evidence.traits), *parted], seen, rule)
        node = self._about(evidence, seen)
        if node.lead not in self.leads:
            self._open(Lead(node.lead, node.minted_from, node.account))
        return Placement(node.lead, node.account, tuple(forwardings))

    def clusters(self) -> list[list[str]]:
        """The clusters of everything that was loaded, each with its lead in its nodes; forwards nothing."""
        members = self._component(hash_ for hash_ in self.nodes if not self.nodes[hash_].shared)
        self._freeze_shared(members, None)
        open_ = {hash_: self.nodes[hash_] for hash_ in members if not self.nodes[hash_].shared}
        bonds = {pair: bond for node in open_.values() for pair, bond in node.bonds.items()}
        clusters, _ = resolve({hash_: node.traits for hash_, node in open_.items()}, bonds.values())
        clusters += [[hash_] for hash_ in self.nodes if self.nodes[hash_].shared]
        for cluster in clusters:
            self._assign(cluster)
        return sorted(clusters)

    def _about(self, evidence: Evidence, seen: Observation) -> Node:
        """The identifier that the event is about."""
        parted = [self.nodes[end] for pair in seen.parted for end in pair if end in self.nodes]
        if parted:
            return self.nodes[strongest(node.traits for node in parted).hash]
        node = self.nodes[evidence.centre.hash]
        if node.shared:
            free = [traits for traits in evidence.traits if not self.nodes[traits.hash].shared]
            node = self.nodes[strongest(free or evidence.traits).hash]
        return node

    def _settle(self, touched: Iterable[str], seen: Observation, rule: str) -> list[tuple[str, Forwarding]]:
        """Resolve the components of `touched` again, give every cluster its lead, and forward the leads that end."""
        members = self._component(hash_ for hash_ in touched if not self.nodes[hash_].shared)
        before = {hash_: self.nodes[hash_].lead for hash_ in members}
        self._freeze_shared(members, seen)
        open_ = {hash_: self.nodes[hash_] for hash_ in members if not self.nodes[hash_].shared}
        bonds = {pair: bond for node in open_.values() for pair, bond in node.bonds.items()}
        clusters, refused = resolve({hash_: node.traits for hash_, node in open_.items()}, bonds.values())
        for each in refused:
            self.changes.conflicts.append(Conflict(each.bond.a, each.bond.b, each.reason, seen))
        self._relabel(open_)
        clusters += [[hash_] for hash_ in members if self.nodes[hash_].shared]
        clusters.sort()
        for cluster in clusters:
            self._assign(cluster)
        forwardings: list[tuple[str, Forwarding]] = []
        for cluster in clusters:
            self._forward(cluster, before, seen, rule, forwardings)
            self._find_strays(cluster, seen)
        return forwardings

    def _record(self, evidence: Evidence, seen: Observation) -> None:
        for identifier, traits in zip(evidence.identifiers, evidence.traits, strict=True):
            if traits.hash not in self.nodes:
                self.nodes[traits.hash] = Node.stored(identifier)  # as it will be read: lists change
        for pair, attached in evidence.ties:
            self._note(pair, Bond(attached, seen.time, *pair), seen)
        for pair in evidence.accounts:
            self._note(pair, Bond(False, seen.time, *pair), seen)
        for a, b in seen.parted:
            if seen.dismissed:
                self.changes.dismissals.append((min(a, b), max(a, b), seen))
            else:
                self._withdraw(a, b, seen)

    def _note(self, pair: Pair, bond: Bond, seen: Observation) -> None:
        if bond.time < self.times.get(pair, NEVER):
            self.times[pair] = bond.time
            self.changes.bonds.append((pair, bond, seen))
            self.add_bond(pair, bond)

    def _withdraw(self, a: str, b: str, seen: Observation) -> None:
        """From now on nothing bonds the two, whatever was or will be said."""
        if (min(a, b), max(a, b)) in self._withdrawn:
            return
        self.add_withdrawal(a, b)
        self.changes.withdrawals.append((min(a, b), max(a, b), seen))
        for end in (a, b):
            if end in self.nodes:
                node = self.nodes[end]
                node.bonds = {pair: bond for pair, bond in node.bonds.items() if {a, b} != {pair[0], pair[1]}}
                node.accounts = frozenset(each for each in node.accounts if each[1] not in (a, b))

    def _component(self, touched: Iterable[str]) -> list[str]:
        """Everything that bonds reach from `touched`, shared identifiers left out."""
        reached = dict.fromkeys(touched)
        waiting = list(reached)
        while waiting:
            for a, b, _ in self.nodes[waiting.pop()].bonds:
                for hash_ in (a, b):
                    if hash_ not in reached and not self.nodes[hash_].shared:
                        reached[hash_] = None
                        waiting.append(hash_)
        return list(reached)

    def _freeze_shared(self, members: Sequence[str], seen: Observation | None) -> None:
        for hash_ in members:
            node = self.nodes[hash_]
            if node.shared or len(node.bonds) <= MAX_DEGREE:
                continue
            ends = {end for a, b, _ in node.bonds for end in (a, b) if end != hash_}
            if is_shared(self.nodes[end].traits for end in ends):
                node.shared, node.blob = True, hash_
                self.changes.nodes[hash_] = node
                if seen is not None:
                    self.changes.conflicts.append(Conflict(hash_, hash_, FROZEN, seen))

    def _relabel(self, open_: dict[str, Node]) -> None:
        """Name the components, which a newly shared identifier may have parted."""
        waiting = dict.fromkeys(open_)
        while waiting:
            start = next(iter(waiting))
            part = [start] if len(open_) == 1 else self._component([start])
            label = min(part)
            for hash_ in part:
                waiting.pop(hash_, None)
                if self.nodes[hash_].blob != label:
                    self.nodes[hash_].blob = label
                    self.changes.nodes[hash_] = self.nodes[hash_]

    def _assign(self, cluster: Sequence[str]) -> None:
        """The lead of a cluster: a function of its identifiers, its account and what was withdrawn at it (ADR 4)."""
        nodes = [self.nodes[hash_] for hash_ in cluster]
        minted_from = strongest(node.traits for node in nodes).hash
        free = (each for node in nodes if not node.shared for each in node.accounts)
        account = min(free, default=(None, None))[1]
        lead = self._hashes.lead(minted_from, account, sum(self._withdrawn_at[hash_] for hash_ in cluster))
        for node in nodes:
            if node.lead != lead:
                node.lead, node.account, node.minted_from = lead, account, minted_from
                self.changes.nodes[node.traits.hash] = node

    def _forward(
        self,
        cluster: Sequence[str],
        before: dict[str, str],
        seen: Observation,
        rule: str,
        forwardings: list[tuple[str, Forwarding]],
    ) -> None:
        """Hand over the leads that were minted from the cluster's identifiers and are not its lead any more."""
        lead = self.nodes[cluster[0]].lead
        live = [each for hash_ in cluster for each in self._minted.get(hash_, ()) if each.forwarded_to is None]
        for lost in sorted((each for each in live if each.id != lead), key=lambda each: each.id):
            heirs = [self.nodes[hash_] for hash_, was in before.items() if was == lost.id] or [self.nodes[cluster[0]]]
            targets = {node.lead: node for node in (self.nodes[cluster[0]], *heirs)}
            if any(target in self.leads and self.leads[target].forwarded_to is not None for target in targets):
                # An id that has ended never comes back: forwarding would go in a circle.
                self.changes.conflicts.append(Conflict(lost.id, lead, CIRCLE, seen))
                continue
            for target, node in targets.items():
                heir = self.leads.get(target) or self._open(Lead(target, node.minted_from, node.account))
                heir.version += lost.version
                self.changes.leads[target] = heir
            lost.forwarded_to = lead
            self.changes.leads[lost.id] = lost
            number = len(forwardings)
            if len(targets) == 1:
                ended: Forwarding = self._merge(lost, self.leads[lead], len(live) > 1, seen, rule, number)
            else:
                ended = self._split(lost, list(targets), heirs, seen, rule, number)
            forwardings.append((lost.partitionkey, ended))
            self.changes.forwardings.append((lost.partitionkey, ended))

    def _merge(self, lost: Lead, survivor: Lead, joined: bool, seen: Observation, rule: str, number: int) -> LeadMerged:
        return LeadMerged(
            absorbed=lost.id,
            survivor=survivor.id,
            survivor_key=survivor.partitionkey,
            survivor_account=survivor.account,
            joined=joined,
            rule=rule,
            receivedtime=seen.known,
            imported=seen.imported,
            raw=seen.raw,
            number=number,
        )

    def _split(
        self, lost: Lead, targets: list[str], heirs: Sequence[Node], seen: Observation, rule: str, number: int
    ) -> LeadSplit:
        strongest_first = sorted(heirs, key=lambda node: (node.traits.rank, node.traits.hash))
        return LeadSplit(
            lead=lost.id,
            parts=tuple(LeadPart(lead=target, account=self.leads[target].account) for target in targets),
            owners=tuple((node.traits.hash, targets.index(node.lead)) for node in strongest_first),
            rule=rule,
            receivedtime=seen.known,
            imported=seen.imported,
            raw=seen.raw,
            number=number,
        )

    def _find_strays(self, cluster: Sequence[str], seen: Observation) -> None:
        """Leads whose state was handed to a lead of another cluster, because their identifier has moved since."""
        members = set(cluster)
        for lead in [each for hash_ in cluster for each in self._minted.get(hash_, ())]:
            holder = self.leads.get(lead.forwarded_to) if lead.forwarded_to else None
            if holder is not None and holder.forwarded_to is None and holder.minted_from not in members:
                self.changes.conflicts.append(Conflict(lead.id, holder.id, CIRCLE, seen))

    def _open(self, lead: Lead) -> Lead:
        self.add_lead(lead)
        self.changes.leads[lead.id] = lead
        return lead
