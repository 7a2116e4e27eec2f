"""What one event says about identity: its identifiers, and the bonds and accounts that it is evidence for.

Invariant: a pure function of the event and the lists, so that the ledger of edges does not depend on what came before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingestion.contracts.event import AccountHint, Claim, Identifier, IdentifierType, RawPointer
from ingestion.identity.accounts import AccountRule, hinted_accounts
from ingestion.identity.hashing import KeyedHash
from ingestion.identity.lists import Lists, packaged_lists
from ingestion.identity.normalise import domain_of, normalise
from ingestion.identity.resolve import EVENT_RANK, Traits, as_mailbox, strongest, traits_of

CACHED_CLAIMS = 65_536
ACCOUNT_RULE = "account:"
RULING_RULE = "ruling:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Pair = tuple[str, str, str]  # a, b, rule: what an edge is between, and why


class Observation(msgspec.Struct, frozen=True, gc=False):
    """One new event, as identity sees it."""

    claims: tuple[Claim, ...]
    account: AccountHint | None
    event_hash: str  # names the event; stands in where no claim is usable
    received: datetime  # aware
    imported: bool
    raw: RawPointer
    test: bool = False  # a vendor's test ping repeats made-up values: it gets a lead, but is evidence of nothing
    loosens: bool = False  # it says that its identifiers belong together no longer: no evidence that they do
    linked: tuple[Identifier, Identifier] | None = None  # that an operator says are one person's
    parted: tuple[tuple[str, str], ...] = ()  # hashes that an operator says are two persons'
    dismissed: bool = False  # `parted` is for the review queue to know: nothing is withdrawn
    replayed: datetime | None = None  # aware: of a replay, when it was sent again; evidence is as old as it was

    @property
    def time(self) -> int:
        """Microseconds since the epoch."""
        since = self.received - _EPOCH  # by hand: a division of timedeltas takes four times as long
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    @property
    def known(self) -> datetime:
        """When we knew of it."""
        return self.replayed or self.received


class Known(msgspec.Struct, frozen=True, gc=False):
    """A usable claim, normalised and hashed."""

    identifier: Identifier
    traits: Traits
    accounts: tuple[tuple[AccountRule, str], ...]  # that the value itself speaks for
    disposable: bool


class Evidence(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What an event says about identity, whenever it says it. Compared by identity: `Witness` makes equal ones once."""

    identifiers: tuple[Identifier, ...]
    traits: tuple[Traits, ...]  # parallel to `identifiers`, at least one
    centre: Traits  # the strongest
    ties: tuple[tuple[Pair, bool], ...]  # the pairs it bonds, and whether the bond is an attached one
    accounts: tuple[Pair, ...]  # an identifier, an account, and the rule that connects them

    @property
    def pairs(self) -> Iterator[Pair]:
        """All edges that it speaks for."""
        yield from self.accounts
        for pair, _ in self.ties:
            yield pair


class Witness:
    """Turns observations into evidence; remembers what recent claims came to."""

    def __init__(self, hashes: KeyedHash, lists: Lists | None = None) -> None:
        self._hashes = hashes
        self._lists = lists or packaged_lists()
        self._known: dict[Claim, Known | None] = {}
        self._evidence: dict[tuple[tuple[Claim, ...], AccountHint | None], Evidence] = {}

    def identifiers_of(self, claims: Sequence[Claim]) -> tuple[Identifier, ...]:
        """The usable claims as hashed identifiers, each once."""
        return tuple(known.identifier for known in self._usable(claims))

    def evidence_of(self, seen: Observation) -> Evidence:
        """The identifiers, bonds and accounts of one event."""
        if seen.linked is not None:
            return _ruled(*seen.linked)
        if seen.test or seen.loosens:
            return msgspec.structs.replace(self._judge(seen), ties=(), accounts=())
        key = (seen.claims, seen.account)
        evidence = self._evidence.get(key)
        if evidence is None:
            evidence = self._judge(seen)
            if evidence.centre.rank < EVENT_RANK:
                make_room(self._evidence)
                self._evidence[key] = evidence
        return evidence

    def _judge(self, seen: Observation) -> Evidence:
        usable = self._usable(seen.claims) or [self._alone(seen.event_hash)]
        traits = tuple(each.traits for each in usable)
        centre = strongest(traits)
        accounts = [_account_pair(each.traits, rule, name) for each in usable for rule, name in each.accounts]
        if seen.account is not None:
            for rule, name in hinted_accounts(seen.account, self._lists):
                accounts.append(_account_pair(centre, rule, self._hashes.account(name)))
        middle = next(each for each in usable if each.traits is centre)
        ties = (_tie(middle, each) for each in usable if each is not middle)
        return Evidence(
            tuple(each.identifier for each in usable),
            traits,
            centre,
            tuple(tie for tie in ties if tie is not None),
            tuple(accounts),
        )

    def _usable(self, claims: Sequence[Claim]) -> list[Known]:
        found: dict[str, Known] = {}
        for claim in claims:
            known = self._know(claim)
            if known is not None:
                other = found.get(known.identifier.hash)
                if other is None or (known.identifier.verified and not other.identifier.verified):
                    found[known.identifier.hash] = known
        return list(found.values())

    def _know(self, claim: Claim) -> Known | None:
        try:
            return self._known[claim]
        except KeyError:
            make_room(self._known)
        usable = normalise(claim)
        known = self._known[claim] = None if usable is None else self._hashed(usable)
        return known

    def _hashed(self, claim: Claim) -> Known:
        hash_ = self._hashes.identifier(claim.type, claim.scope, claim.value)
        identifier = Identifier(claim.type, hash_, claim.verified, claim.scope)
        traits = traits_of(hash_, claim.type, claim.scope)
        if claim.type is not IdentifierType.EMAIL:
            return Known(identifier, traits, (), False)
        domain = domain_of(claim.value)
        company = self._lists.business_domain(domain)
        rule = AccountRule.VERIFIED_EMAIL_DOMAIN if claim.verified else AccountRule.EMAIL_DOMAIN
        accounts = () if company is None else ((rule, self._hashes.account(company)),)
        if self._lists.is_role(claim.value):
            traits = as_mailbox(traits)
        return Known(identifier, traits, accounts, self._lists.is_disposable(domain))

    def _alone(self, event_hash: str) -> Known:
        hash_ = self._hashes.identifier(IdentifierType.EVENT, "", event_hash)
        return Known(Identifier(IdentifierType.EVENT, hash_), traits_of(hash_, IdentifierType.EVENT, ""), (), False)


def _tie(centre: Known, other: Known) -> tuple[Pair, bool] | None:
    """The bond between two identifiers of one event, or None if being named together proves nothing.

    Two identifiers of persons are bonded only by a sender who vouches for the addresses among them; a visitor may
    type anybody's address into a form. A throw-away address is bonded with nothing that a visitor sends.
    """
    if not (centre.traits.can_be_bonded and other.traits.can_be_bonded):
        return None
    both = (centre, other)
    doubtful = any(each.identifier.type is IdentifierType.EMAIL and not each.identifier.verified for each in both)
    attached = not other.traits.is_person  # the centre is the stronger of the two
    if doubtful and (not attached or any(each.disposable for each in both)):
        return None
    rule = f"{centre.identifier.type.value}~{other.identifier.type.value}"
    return (centre.traits.hash, other.traits.hash, rule), attached


def _ruled(one: Identifier, other: Identifier) -> Evidence:
    """An operator's word: a bond like any other, under a rule of its own."""
    both = [Known(each, traits_of(each.hash, each.type, each.scope), (), False) for each in (one, other)]
    both.sort(key=lambda each: (each.traits.rank, each.traits.hash))
    tie = _tie(*both)
    ties = () if tie is None else (((*tie[0][:2], RULING_RULE + tie[0][2]), tie[1]),)
    return Evidence(tuple(each.identifier for each in both), tuple(e.traits for e in both), both[0].traits, ties, ())


def _account_pair(owner: Traits, rule: AccountRule, account: str) -> Pair:
    return owner.hash, account, f"{ACCOUNT_RULE}{rule.name.lower()}"


def make_room(cache: dict[Any, Any]) -> None:
    """Empty a cache that is full."""
    if len(cache) >= CACHED_CLAIMS:
        cache.clear()
