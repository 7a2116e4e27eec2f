"""The components that a micro-batch touches, in memory: evidence goes in, event by event; placements come out.

Pure but for its own state: `store` loads what a batch may touch, and writes what `changes` names afterwards. Working
event by event makes the outcome independent of where a batch begins and ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.contracts.event import Identifier, LeadMerged
from ingestion.identity.accounts import AccountRule
from ingestion.identity.evidence import ACCOUNT_RULE, Evidence, Observation, Pair
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.resolve import MAX_DEGREE, Bond, Traits, is_shared, resolve, strongest, traits_of

NEVER = 1 << 62  # microseconds
SPLIT = "its state lies with another lead since a bond was refused or withdrawn: rebuild"


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

    __slots__ = ("account", "accounts", "blob", "bonds", "identifier", "lead", "minted_from", "shared", "traits")

    def __init__(self, identifier: Identifier, traits: Traits) -> None:
        self.identifier = identifier
        self.traits = traits
        self.blob = self.minted_from = traits.hash
        self.lead = ""
        self.account: str | None = None
        self.shared = False
        self.bonds: dict[Pair, Bond] = {}
        self.accounts: set[tuple[AccountRule, str]] = set()

    @classmethod
    def stored(cls, identifier: Identifier) -> Node:
        return cls(identifier, traits_of(identifier.hash, identifier.type, identifier.scope))


class Placement(NamedTuple):
    """Whom an event is about, and the merges it caused, each with the absorbed lead's partition key."""

    lead: str
    account: str | None
    merges: tuple[tuple[str, LeadMerged], ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something for the review queue."""

    a: str
    b: str
    reason: str
    seen: Observation | None


@dataclass(slots=True)
class Changes:
    """What a batch changed."""

    nodes: dict[str, Node] = field(default_factory=dict)
    leads: dict[str, Lead] = field(default_factory=dict)
    bonds: list[tuple[Pair, Bond, Observation]] = field(default_factory=list)
    merges: list[tuple[str, LeadMerged]] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


class Ledger:
    """The working set of one batch."""

    def __init__(self, hashes: KeyedHash) -> None:
        self._hashes = hashes
        self.nodes: dict[str, Node] = {}
        self.leads: dict[str, Lead] = {}
        self.times: dict[Pair, int] = {}  # of bonds on record, withdrawn ones too
        self.changes = Changes()
        self._minted: dict[str, list[Lead]] = {}

    # Loading

    def add_lead(self, lead: Lead) -> None:
        """Take in a lead from the store, once."""
        if lead.id not in self.leads:
            self.leads[lead.id] = lead
            self._minted.setdefault(lead.minted_from, []).append(lead)

    def add_bond(self, pair: Pair, bond: Bond) -> None:
        """Take in a bond that is not withdrawn; of two with one pair, the earlier evidence counts."""
        a, b, rule = pair
        if rule.startswith(ACCOUNT_RULE):
            self.nodes[a].accounts.add((AccountRule[rule.removeprefix(ACCOUNT_RULE).upper()], b))
            return
        for end in (self.nodes[a], self.nodes[b]):
            known = end.bonds.get(pair)
            if known is None or bond.time < known.time:
                end.bonds[pair] = bond

    def is_new(self, evidence: Evidence, seen: Observation) -> bool:
        """Whether the ledger does not hold all of this yet, so that components may change."""
        nodes, times = self.nodes, self.times
        for traits in evidence.traits:
            if traits.hash not in nodes:
                return True
        for pair in evidence.accounts:
            if pair not in times:
                return True
        if evidence.ties:
            time = seen.time
            for pair, _ in evidence.ties:
                if times.get(pair, NEVER) > time:
                    return True
        return False

    # Working

    def place(self, evidence: Evidence, seen: Observation, may_be_new: bool = True) -> Placement:
        """Take in one event's evidence and say whom the event is about.

        `may_be_new` is false where `is_new` has said so before: what the ledger holds, it keeps.
        """
        merges: list[tuple[str, LeadMerged]] = []
        if may_be_new and self.is_new(evidence, seen):
            self._record(evidence, seen)
            rule = next((pair[2] for pair, _ in evidence.ties), "account" if evidence.accounts else "identifier")
            self.settle([traits.hash for traits in evidence.traits], seen, rule, merges)
        node = self.nodes[evidence.centre.hash]
        if node.shared:
            free = [traits for traits in evidence.traits if not self.nodes[traits.hash].shared]
            node = self.nodes[strongest(free or evidence.traits).hash]
        if node.lead not in self.leads:
            self._open(Lead(node.lead, node.minted_from, node.account))
        return Placement(node.lead, node.account, tuple(merges))

    def settle(
        self,
        touched: Iterable[str],
        seen: Observation | None,
        rule: str = "",
        merges: list[tuple[str, LeadMerged]] | None = None,
    ) -> None:
        """Resolve the components of `touched` again and give every cluster its lead.

        Without an observation (a bond was withdrawn) nothing is merged: what would be goes to the review queue.
        """
        members = self._component(hash_ for hash_ in touched if not self.nodes[hash_].shared)
        self._freeze_shared(members, seen)
        open_ = {hash_: self.nodes[hash_] for hash_ in members if not self.nodes[hash_].shared}
        bonds = {pair: bond for node in open_.values() for pair, bond in node.bonds.items()}
        clusters, refused = resolve({hash_: node.traits for hash_, node in open_.items()}, bonds.values())
        for each in refused:
            self.changes.conflicts.append(Conflict(each.bond.a, each.bond.b, each.reason, seen))
        self._relabel(open_)
        clusters += [[hash_] for hash_ in members if self.nodes[hash_].shared]
        for cluster in sorted(clusters):
            self._assign(cluster, seen, rule, merges)

    def _record(self, evidence: Evidence, seen: Observation) -> None:
        for identifier, traits in zip(evidence.identifiers, evidence.traits, strict=True):
            if traits.hash not in self.nodes:
                self.nodes[traits.hash] = Node(identifier, traits)
        for pair, attached in evidence.ties:
            self._note(pair, Bond(attached, seen.time, *pair), seen)
        for pair in evidence.accounts:
            self._note(pair, Bond(False, 0, *pair), seen)

    def _note(self, pair: Pair, bond: Bond, seen: Observation) -> None:
        if bond.time < self.times.get(pair, NEVER):
            self.times[pair] = bond.time
            self.changes.bonds.append((pair, bond, seen))
            self.add_bond(pair, bond)

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
                self.changes.conflicts.append(Conflict(hash_, hash_, "shared by too many persons: frozen", seen))

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

    def _assign(
        self, cluster: list[str], seen: Observation | None, rule: str, merges: list[tuple[str, LeadMerged]] | None
    ) -> None:
        nodes = [self.nodes[hash_] for hash_ in cluster]
        minted_from = strongest(node.traits for node in nodes).hash
        free = (each for node in nodes if not node.shared for each in node.accounts)
        account = min(free, default=(None, None))[1]
        first = nodes[0]
        if first.lead and first.minted_from == minted_from and first.account == account:
            lead = first.lead
        else:
            lead = self._hashes.lead(minted_from, account)
        for node in nodes:
            if node.lead != lead:
                node.lead, node.account, node.minted_from = lead, account, minted_from
                self.changes.nodes[node.traits.hash] = node
        self._forward(cluster, nodes[0], seen, rule, merges)
        self._find_strays(cluster, seen)

    def _forward(
        self,
        cluster: Sequence[str],
        node: Node,
        seen: Observation | None,
        rule: str,
        merges: list[tuple[str, LeadMerged]] | None,
    ) -> None:
        """Hand the cluster's other leads over to the lead of its nodes."""
        lead = node.lead
        live = [each for hash_ in cluster for each in self._minted.get(hash_, ()) if each.forwarded_to is None]
        lost = sorted((each for each in live if each.id != lead), key=lambda each: each.id)
        if not lost:
            return
        survivor = self.leads.get(lead)
        if seen is None or merges is None or (survivor is not None and survivor.forwarded_to is not None):
            # An id that was absorbed is never a survivor again: forwarding would go in a circle.
            self.changes.conflicts += [Conflict(each.id, lead, SPLIT, seen) for each in lost]
            return
        if survivor is None:
            survivor = self._open(Lead(lead, node.minted_from, node.account))
        for each in lost:
            each.forwarded_to = lead
            survivor.version += each.version
            self.changes.leads[each.id] = each
            merge = LeadMerged(
                absorbed=each.id,
                survivor=lead,
                survivor_key=survivor.partitionkey,
                survivor_account=survivor.account,
                joined=len(live) > 1,
                rule=rule,
                receivedtime=seen.received,
                imported=seen.imported,
                raw=seen.raw,
                number=len(merges),
            )
            merges.append((each.partitionkey, merge))
            self.changes.merges.append((each.partitionkey, merge))
        self.changes.leads[survivor.id] = survivor

    def _find_strays(self, cluster: Sequence[str], seen: Observation | None) -> None:
        """Leads whose state was handed to a lead of another cluster, because their identifier has moved since."""
        members = set(cluster)
        for lead in [each for hash_ in cluster for each in self._minted.get(hash_, ())]:
            holder = self.leads.get(lead.forwarded_to) if lead.forwarded_to else None
            if holder is not None and holder.minted_from not in members:
                self.changes.conflicts.append(Conflict(lead.id, holder.id, SPLIT, seen))

    def _open(self, lead: Lead) -> Lead:
        self.add_lead(lead)
        self.changes.leads[lead.id] = lead
        return lead
