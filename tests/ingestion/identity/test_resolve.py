"""Resolution is a pure function of bonds: constraints hold, and order does not matter."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ingestion.contracts.event import IdentifierType
from ingestion.identity.resolve import MAX_EMAILS, Bond, Traits, resolve, traits_of

KINDS = {
    "c": (IdentifierType.CRM, "hubspot:1:contact"),
    "z": (IdentifierType.CRM, "zendesk:1:user"),
    "d": (IdentifierType.CRM, "hubspot:1:deal"),
    "u": (IdentifierType.USER_ID, "app"),
    "e": (IdentifierType.EMAIL, ""),
    "a": (IdentifierType.ANONYMOUS_ID, "web"),
}


def _nodes(*names: str) -> dict[str, Traits]:
    return {name: traits_of(name, *KINDS[name[0]]) for name in names}


def _bond(a: str, b: str, time: int = 0) -> Bond:
    return Bond(b[0] in "ad", time, a, b, "rule")


def _clusters(nodes: dict[str, Traits], bonds: list[Bond]) -> set[frozenset[str]]:
    return {frozenset(cluster) for cluster in resolve(nodes, bonds)[0]}


def test_strong_bonds_join_and_everything_is_in_one_cluster() -> None:
    nodes = _nodes("c1", "e1", "u1", "z1", "a1", "e2")
    bonds = [_bond("c1", "e1"), _bond("u1", "e1"), _bond("z1", "e1"), _bond("u1", "a1")]
    assert _clusters(nodes, bonds) == {frozenset({"c1", "e1", "u1", "z1", "a1"}), frozenset({"e2"})}


def test_two_contacts_of_one_crm_stay_two_people() -> None:
    nodes = _nodes("c1", "c2", "e1")
    found, refused = resolve(nodes, [_bond("c1", "e1", 1), _bond("c2", "e1", 2)])
    assert sorted(map(sorted, found)) == [["c1", "e1"], ["c2"]]
    assert [each.reason for each in refused] == ["two values of crm:hubspot:1:contact"]


def test_a_cookie_stays_with_the_first_person_and_joins_nobody() -> None:
    nodes = _nodes("u1", "u2", "e2", "a1")
    bonds = [_bond("e2", "a1", 5), _bond("u1", "a1", 4), _bond("u2", "e2", 9)]
    assert _clusters(nodes, bonds) == {frozenset({"u1", "a1"}), frozenset({"u2", "e2"})}


def test_a_person_may_have_many_deals_and_a_deal_has_one_person() -> None:
    nodes = _nodes("c1", "c2", "d1", "d2", "d3")
    bonds = [_bond("c1", "d1", 1), _bond("c1", "d2", 2), _bond("c2", "d2", 3), _bond("c2", "d3", 4)]
    assert _clusters(nodes, bonds) == {frozenset({"c1", "d1", "d2"}), frozenset({"c2", "d3"})}


def test_a_person_has_at_most_five_addresses() -> None:
    emails = [f"e{number}" for number in range(MAX_EMAILS + 2)]
    found, refused = resolve(_nodes("c1", *emails), [_bond("c1", e, time) for time, e in enumerate(emails)])
    assert max(map(len, found)) == 1 + MAX_EMAILS
    assert len(refused) == 2


NAMES = [f"{kind}{number}" for kind in KINDS for number in range(3)]


@st.composite
def graphs(draw: st.DrawFn) -> list[Bond]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 5)), max_size=25))
    bonds = []
    for one, other, time in pairs:
        if one != other:
            stronger, weaker = sorted((one, other), key=lambda name: _nodes(name)[name].rank)
            bonds.append(_bond(stronger, weaker, time))
    return bonds


@given(graphs(), st.randoms(use_true_random=False))
def test_bonds_in_any_order_give_the_same_clusters(bonds: list[Bond], rng: random.Random) -> None:
    shuffled = rng.sample(bonds, len(bonds))
    assert _clusters(_nodes(*NAMES), bonds) == _clusters(_nodes(*NAMES), shuffled)


@given(graphs())
def test_no_cluster_breaks_a_constraint(bonds: list[Bond]) -> None:
    for cluster in _clusters(_nodes(*NAMES), bonds):
        assert all(sum(name[0] == kind for name in cluster) <= 1 for kind in "czu")


@given(graphs())
def test_every_identifier_is_in_exactly_one_cluster(bonds: list[Bond]) -> None:
    assert sorted(name for cluster in resolve(_nodes(*NAMES), bonds)[0] for name in cluster) == sorted(NAMES)
