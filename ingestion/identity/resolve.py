"""Who is who: a pure function of identifiers and the bonds between them.

Bonds are taken strong ones first, then by the time of their evidence; each joins two clusters unless a constraint
forbids it. Because that order belongs to the bonds and not to their arrival, the same bonds in any order give the
same clusters. Constraints:

* one id per CRM object scope and one user id per scope; at most `MAX_EMAILS` addresses;
* a cookie or a deal belongs to one person and never joins two: its bond is refused between identified clusters;
* at most `MAX_COOKIES` cookies join a person within a week: beyond that it is a script or a shared login;
* an identifier tied to more than `MAX_DEGREE` persons, or to more than `MAX_TIES` cookies and deals, is shared: a
  kiosk, a script. It is frozen and left alone, so that no component grows without end.

Phones have no bonds at all, and addresses that several people read get none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from ingestion.contracts.event import IdentifierType
from ingestion.identity.normalise import is_deal

MAX_EMAILS = 5
MAX_DEGREE = 10
MAX_TIES = 500  # every tie is looked at whenever one is added: at so many, a new one takes milliseconds
MAX_COOKIES = 5  # within a week, as Segment suggests: segment.com/docs/unify/identity-resolution
WEEK = 7 * 86_400 * 1_000_000  # microseconds

COOKIE_RULE = f"~{IdentifierType.ANONYMOUS_ID.value}"  # ends the rule of a cookie's bond

_RANKS = {
    IdentifierType.CRM: 0,
    IdentifierType.USER_ID: 1,
    IdentifierType.EMAIL: 2,
    IdentifierType.ANONYMOUS_ID: 4,
    IdentifierType.PHONE: 5,
    IdentifierType.EVENT: 7,
}
EVENT_RANK = _RANKS[IdentifierType.EVENT]
_DEAL_RANK = 3
_MAILBOX_RANK = 6
_WEAKEST_PERSON = 2  # CRM contact, user id, e-mail: each names one person
_WEAKEST_BONDED = 4


class Traits(msgspec.Struct, frozen=True, gc=False):
    """What resolution needs to know of an identifier."""

    hash: str
    rank: int  # 0 is strongest
    scope: str  # type and scope: where the value is unique

    @property
    def is_person(self) -> bool:
        return self.rank <= _WEAKEST_PERSON

    @property
    def can_be_bonded(self) -> bool:
        return self.rank <= _WEAKEST_BONDED


class Bond(NamedTuple):
    """Evidence that two identifiers belong to one person. Sorts in the order of resolution."""

    attached: bool  # a cookie's or deal's bond; a strong one otherwise
    time: int  # microseconds since the epoch: when the evidence was received
    a: str
    b: str
    rule: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A bond that would have broken a constraint; for the review queue."""

    bond: Bond
    reason: str


def traits_of(hash_: str, kind: IdentifierType, scope: str) -> Traits:
    """The traits of an identifier by its type and scope."""
    rank = _DEAL_RANK if is_deal(kind, scope) else _RANKS[kind]
    return Traits(hash_, rank, f"{kind.value}:{scope}")


def as_mailbox(traits: Traits) -> Traits:
    """An address as evidence where several people read it: it stands for nobody and is bonded with nothing."""
    return Traits(traits.hash, _MAILBOX_RANK, traits.scope)


def strongest(candidates: Iterable[Traits]) -> Traits:
    """The identifier that stands for a component: the strongest kind, then the smallest hash."""
    return min(candidates, key=lambda each: (each.rank, each.hash))


def is_shared(neighbours: Iterable[Traits]) -> bool:
    """Whether an identifier with these neighbours is tied to more than one person can have."""
    persons: dict[str, int] = {}
    ties = 0
    for each in neighbours:
        ties += 1
        if each.is_person:
            persons[each.scope] = persons.get(each.scope, 0) + 1
    return ties > MAX_TIES or max(persons.values(), default=0) > MAX_DEGREE


def resolve(nodes: Mapping[str, Traits], bonds: Iterable[Bond]) -> tuple[list[list[str]], list[Refused]]:
    """The clusters of `nodes`, each one person, and the bonds that were refused.

    Args:
        nodes: identifiers that are not shared.
        bonds: bonds between them that are not withdrawn; ones that touch other identifiers are ignored.
    """
    clusters = {hash_: _Cluster.of(traits) for hash_, traits in nodes.items()}
    refused = []
    for bond in sorted(bonds):
        one, other = clusters.get(bond.a), clusters.get(bond.b)
        if one is None or other is None or one is other:
            continue
        reason = _objection(one, other, bond)
        if reason is not None:
            refused.append(Refused(bond, reason))
            continue
        if len(one.members) < len(other.members):
            one, other = other, one
        one.absorb(other)
        if bond.rule.endswith(COOKIE_RULE):
            one.cookies.append(bond.time)
        for hash_ in other.members:
            clusters[hash_] = one
    return [sorted(cluster.members) for cluster in dict.fromkeys(clusters.values())], refused


class _Cluster:
    """Identifiers found to be one person's, while resolving."""

    __slots__ = ("cookies", "emails", "members", "unique")

    def __init__(self, members: list[str], unique: dict[str, str], emails: int) -> None:
        self.members = members
        self.unique = unique  # scope → the one value of it that a person may have
        self.emails = emails
        self.cookies: list[int] = []  # when each joined

    @classmethod
    def of(cls, node: Traits) -> _Cluster:
        is_email = node.rank == _RANKS[IdentifierType.EMAIL]
        unique = {node.scope: node.hash} if node.is_person and not is_email else {}
        return cls([node.hash], unique, int(is_email))

    @property
    def is_identified(self) -> bool:
        return bool(self.unique) or self.emails > 0

    def absorb(self, other: _Cluster) -> None:
        self.members += other.members
        self.unique |= other.unique
        self.emails += other.emails
        self.cookies += other.cookies


def _objection(one: _Cluster, other: _Cluster, bond: Bond) -> str | None:
    """Why the bond must not join the two, or None."""
    if bond.attached and one.is_identified and other.is_identified:
        return "a cookie or deal that already belongs to another person"
    if bond.rule.endswith(COOKIE_RULE):
        recent = sum(time > bond.time - WEEK for time in (*one.cookies, *other.cookies))
        if recent >= MAX_COOKIES:
            return f"more than {MAX_COOKIES} cookies within a week"
    clash: Collection[str] = one.unique.keys() & other.unique.keys()
    if clash:
        return f"two values of {min(clash)}"
    if one.emails + other.emails > MAX_EMAILS:
        return f"more than {MAX_EMAILS} e-mail addresses"
    return None
