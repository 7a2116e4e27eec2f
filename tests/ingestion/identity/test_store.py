"""The ledger on real databases: who events are about, how leads are forwarded, and that order does not matter."""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from ingestion.contracts.event import AccountHint, Claim, IdentifierType, LeadSplit
from ingestion.contracts.forwards import ended
from ingestion.identity import IdentityStore, Observation, Resolution
from ingestion.identity.ledger import FROZEN
from ingestion.identity.resolve import MAX_COOKIES, MAX_DEGREE
from ingestion.identity.review import Item, ReviewQueue, State
from tests.conftest import tries
from tests.ingestion.identity.world import (
    NOON,
    WORLD,
    cookie,
    crm,
    dismissing,
    email,
    hash_of,
    histories,
    linking,
    merges_of,
    observations,
    opened,
    parting,
    seen,
    state,
    take,
    user,
)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('identity')}/identity.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(url: str) -> Iterator[IdentityStore]:
    engine, store = opened(url)
    yield store
    engine.dispose()


def open_items(store: IdentityStore, every: bool = False) -> tuple[Item, ...]:
    return ReviewQueue(store._engine).items(100, every=every)


def take_one(store: IdentityStore, *claims: Claim, account: AccountHint | None = None) -> Resolution:
    return take(store, seen(*claims, account=account))[0]


def test_a_visitor_becomes_known_and_the_old_lead_is_forwarded(store: IdentityStore) -> None:
    visit = take_one(store, cookie("cookie-1"))
    assert visit.account is None
    assert visit.forwardings == ()
    form = take_one(store, email("jo@gmail.com", verified=False), cookie("cookie-1"))
    assert form.lead != visit.lead
    assert [(merge.absorbed, merge.survivor, merge.joined) for merge in merges_of(form)] == [
        (visit.lead, form.lead, False)
    ]
    assert form.keys == (visit.lead,)
    assert take_one(store, cookie("cookie-1")).lead == form.lead
    current = store.current(visit.lead)
    assert current is not None
    assert (current.lead, current.account) == (form.lead, None)


def test_two_known_leads_that_become_one_are_joined(store: IdentityStore) -> None:
    contact, product = take_one(store, crm(7)), take_one(store, user("jo-7"))
    assert take_one(store, crm(7), email("jo@acme.com")).forwardings != ()
    joined = take_one(store, user("jo-7"), email("jo@acme.com"))
    assert {merge.absorbed for merge in merges_of(joined)} == {product.lead}
    assert merges_of(joined)[0].joined
    assert joined.account is not None
    assert {store.current(lead) for lead in (contact.lead, product.lead)} == {store.current(joined.lead)}
    assert contact.lead in store.aliases(joined.lead)


def test_the_account_is_part_of_the_leads_id(store: IdentityStore) -> None:
    bare = take_one(store, crm(7))
    known = take_one(store, crm(7), account=AccountHint(domain="www.acme.com"))
    assert known.account is not None
    assert known.partitionkey == known.account
    assert [(merge.absorbed, merge.joined, merge.survivor_key) for merge in merges_of(known)] == [
        (bare.lead, False, known.account)
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (email("jo@acme.com"), email("al@mail.acme.com")),
        (email("info@acme.com"), email("jo@acme.com")),
    ],
)
def test_people_of_one_company_share_an_account_and_are_two_leads(
    store: IdentityStore, first: Claim, second: Claim
) -> None:
    one, other = take_one(store, first), take_one(store, second)
    assert one.account == other.account
    assert one.account is not None
    assert one.lead != other.lead


def test_a_verified_address_decides_over_a_hint_and_a_hint_over_the_crm(store: IdentityStore) -> None:
    by_crm = take_one(store, crm(7), account=AccountHint(crm_id="hubspot:1:company:9"))
    by_hint = take_one(store, crm(7), account=AccountHint(domain="holding.com"))
    by_email = take_one(store, crm(7), email("jo@acme.com"))
    assert by_email.account == take_one(store, email("al@acme.com")).account
    assert len({by_crm.account, by_hint.account, by_email.account}) == 3
    assert take_one(store, crm(7), account=AccountHint(domain="holding.com")).account == by_email.account


def test_a_shared_mailbox_and_a_phone_join_nobody(store: IdentityStore) -> None:
    phone = Claim(IdentifierType.PHONE, "+49 30 1234567")
    one = take_one(store, cookie("cookie-1"), email("info@acme.com"), phone)
    other = take_one(store, cookie("cookie-2"), email("info@acme.com"), phone)
    assert one.lead != other.lead
    assert take_one(store, email("info@acme.com")).lead not in (one.lead, other.lead)


def test_a_form_does_not_prove_that_a_user_owns_the_address(store: IdentityStore) -> None:
    owner = take_one(store, crm(7), email("jo@acme.com"))
    pretender = take_one(store, user("mallory"), email("jo@acme.com", verified=False), cookie("cookie-9"))
    assert pretender.lead != owner.lead
    assert pretender.forwardings == ()


def test_a_cookie_of_a_known_person_is_not_taken_by_the_next_one(store: IdentityStore) -> None:
    dwight = take(store, seen(email("dwight@a.com", False), cookie("office"), minute=1))[0]
    pam = take(store, seen(email("pam@a.com", False), cookie("office"), minute=2))[0]
    assert pam.lead != dwight.lead
    assert take_one(store, cookie("office")).lead == dwight.lead


def test_without_a_usable_claim_an_event_stands_alone(store: IdentityStore) -> None:
    one, other = take(store, seen(cookie("undefined")), seen())
    assert one.lead != other.lead
    assert [identifier.type for identifier in one.identifiers] == [IdentifierType.EVENT]


def test_a_test_ping_is_evidence_of_nothing(store: IdentityStore) -> None:
    ping = take(store, seen(crm(7), email("jo@acme.com"), test=True))[0]
    assert ping.account is None
    assert take_one(store, email("jo@acme.com")).lead != ping.lead


def test_more_cookies_in_a_week_than_a_person_has_stay_apart(store: IdentityStore) -> None:
    day = 24 * 60
    found = [
        take(store, seen(user("jo-7"), cookie(f"cookie-{n}"), minute=minute))[0]
        for n, minute in enumerate([0, 1, 2, 3, 4, 5, 8 * day])
    ]
    jo = found[0].lead
    assert {event.lead for event in found} == {jo}  # the events name her
    joined = [store.resolve(cookie(f"cookie-{n}")) == store.resolve(user("jo-7")) for n in range(len(found))]
    assert joined == [True] * MAX_COOKIES + [False, True]
    assert [each.reason for each in open_items(store)] == ["more than 5 cookies within a week"]


def test_who_was_who_at_any_moment_can_be_read(store: IdentityStore) -> None:
    take(store, seen(user("jo-7"), cookie("cookie-1"), minute=1))
    take(store, seen(crm(7), email("al@gmail.com"), minute=2))
    take(store, seen(crm(7), user("jo-7"), minute=3))
    take(store, parting(crm(7), user("jo-7"), minute=4))
    contact = store.resolve(crm(7))
    assert contact is not None

    def people(minute: float) -> list[list[str]]:
        past = store.at(contact.lead, NOON + timedelta(minutes=minute))
        return sorted(sorted(each.type.value for each in person.identifiers) for person in past)

    apart = [["anonymous_id", "user_id"], ["crm", "email"]]
    assert people(0) == [["anonymous_id"], ["crm"], ["email"], ["user_id"]]
    assert people(1.5) == [["anonymous_id", "user_id"], ["crm"], ["email"]]
    assert people(2.5) == apart
    assert people(3.5) == [["anonymous_id", "crm", "email", "user_id"]]
    assert people(5) == apart
    now = {person.lead for person in store.at(contact.lead, NOON + timedelta(days=1))}
    assert now == {contact.lead, store.resolve(user("jo-7")).lead}  # type: ignore[union-attr]
    assert store.at("ld_unknown", NOON) == ()


def test_an_identifier_of_too_many_persons_is_frozen(store: IdentityStore) -> None:
    people = [
        take(store, seen(email(f"person{n}@gmail.com", False), cookie("kiosk"), minute=n))[0]
        for n in range(MAX_DEGREE + 2)
    ]
    assert len({person.lead for person in people}) == MAX_DEGREE + 2
    kiosk = take_one(store, cookie("kiosk"))
    assert kiosk.lead not in {person.lead for person in people}
    assert take_one(store, email("person0@gmail.com")).lead == people[0].lead


def test_a_bond_that_breaks_a_rule_goes_to_review(store: IdentityStore) -> None:
    first, second = take(
        store, seen(crm(1), email("jo@gmail.com"), minute=1), two := seen(crm(2), email("jo@gmail.com"))
    )
    assert first.conflicts == ()
    assert [conflict.seen for conflict in second.conflicts] == [two]
    [item] = open_items(store)
    assert (item.reason, item.state, item.found) == ("two values of crm:hubspot:1:contact", State.OPEN, two.received)
    # What is known is no news, however often its component is resolved.
    again = take(store, seen(crm(1), user("jo-1"), minute=3), seen(crm(2), user("jo-2"), minute=4))
    assert [resolution.conflicts for resolution in again] == [(), ()]


def test_a_frozen_identifier_goes_to_review(store: IdentityStore) -> None:
    visits = [seen(email(f"p{n}@gmail.com", False), cookie("kiosk"), minute=n) for n in range(MAX_DEGREE + 2)]
    found = [conflict for resolution in take(store, *visits) for conflict in resolution.conflicts]
    [frozen] = [conflict for conflict in found if conflict.reason == FROZEN]
    assert frozen.seen is visits[MAX_DEGREE]
    [item] = [item for item in open_items(store) if item.reason == FROZEN]
    assert item.a == item.b == hash_of(cookie("kiosk"))
    take(store, dismissing(item.a, item.b))
    assert FROZEN not in [item.reason for item in open_items(store)]


def test_an_operator_s_word_joins_two_people(store: IdentityStore) -> None:
    contact, product = take(store, seen(crm(7)), seen(user("jo-7")))
    [linked] = take(store, linking(user("jo-7"), crm(7), minute=5))
    assert store.resolve(crm(7)) == store.resolve(user("jo-7"))
    assert [(merge.absorbed, merge.rule) for merge in merges_of(linked)] == [(product.lead, "ruling:crm~user_id")]
    assert linked.lead == contact.lead
    take(store, parting(crm(7), user("jo-7"), minute=6))
    take(store, linking(crm(7), user("jo-7"), minute=7))
    assert store.resolve(crm(7)) != store.resolve(user("jo-7")), "a withdrawal is for good"


def test_an_operator_s_word_breaks_no_rule(store: IdentityStore) -> None:
    take(store, linking(crm(1), crm(2), minute=1))
    assert store.resolve(crm(1)) != store.resolve(crm(2))
    assert [item.reason for item in open_items(store)] == ["two values of crm:hubspot:1:contact"]


def test_the_queue_keeps_what_nobody_has_settled(store: IdentityStore) -> None:
    address = email("jo@gmail.com")
    take(store, seen(crm(1), address, minute=1), seen(crm(2), address, minute=2))
    take(store, seen(user("u-1"), crm(1), minute=3), seen(user("u-2"), crm(1), minute=4))
    take(store, dismissing(hash_of(address), hash_of(crm(2)), minute=0))
    assert {item.a for item in open_items(store)} | {item.b for item in open_items(store)} == {
        hash_of(user("u-2")),
        hash_of(crm(1)),
    }
    take(store, parting(user("u-2"), crm(1), minute=5))
    assert open_items(store) == ()
    assert {item.state for item in open_items(store, every=True)} == {State.DISMISSED, State.PARTED}


def test_a_dismissal_counts_before_its_conflict_comes(store: IdentityStore) -> None:
    take(store, dismissing(hash_of(email("jo@gmail.com")), hash_of(crm(2))))
    take(store, seen(crm(1), email("jo@gmail.com"), minute=1), seen(crm(2), email("jo@gmail.com"), minute=2))
    assert open_items(store) == ()


def test_two_who_became_one_after_all_need_nobody_s_attention(store: IdentityStore) -> None:
    take(store, seen(user("jo-7"), cookie("office"), minute=2), seen(email("jo@a.com"), cookie("office"), minute=3))
    assert len(open_items(store)) == 1
    take(store, seen(user("jo-7"), email("jo@a.com"), minute=4))
    assert open_items(store) == ()
    assert [item.state for item in open_items(store, every=True)] == [State.JOINED]


def test_a_deal_belongs_to_its_first_contact(store: IdentityStore) -> None:
    deal = take_one(store, crm(100, "deal"))
    first = take(store, seen(crm(100, "deal"), crm(1), minute=1))[0]
    second = take(store, seen(crm(100, "deal"), crm(2), minute=2), seen(crm(101, "deal"), crm(1), minute=3))
    assert [merge.absorbed for merge in merges_of(first)] == [deal.lead]
    assert second[0].lead != first.lead
    assert second[1].lead == first.lead == take_one(store, crm(100, "deal")).lead


def test_a_withdrawn_bond_parts_two_people_for_good(store: IdentityStore) -> None:
    visitor = take_one(store, user("jo-7"), cookie("cookie-1"))
    contact = take_one(store, crm(7), email("al@gmail.com"))
    together = take(store, seen(crm(7), user("jo-7"), minute=5))[0]
    [unmerged] = take(store, parting(user("jo-7"), crm(7), minute=9))
    [split] = unmerged.forwardings
    assert isinstance(split, LeadSplit)
    assert (split.lead, split.rule) == (together.lead, "unmerge")
    al, jo = take_one(store, crm(7)), take_one(store, user("jo-7"))
    assert [part.lead for part in split.parts] == [al.lead, jo.lead]
    assert together.lead == contact.lead
    assert len({visitor.lead, together.lead, al.lead, jo.lead}) == 4  # an id that ended stays so
    assert take_one(store, cookie("cookie-1")).lead == jo.lead
    assert take_one(store, email("al@gmail.com")).lead == al.lead
    assert split.part_of(together.identifiers).lead == al.lead  # whose the strongest identifier is
    assert split.part_of(visitor.identifiers).lead == jo.lead
    # The same evidence, or another of the same two, does not bring it back.
    assert take(store, seen(crm(7), user("jo-7"), minute=0), seen(crm(7), user("jo-7"), minute=20))[0].forwardings == ()
    assert {store.current(lead) for lead in (contact.lead, together.lead)} == {store.resolve(crm(7))}
    assert store.current(visitor.lead) == store.resolve(user("jo-7"))


def test_a_withdrawal_counts_before_its_evidence_comes(store: IdentityStore) -> None:
    take(store, parting(user("jo-7"), crm(7)))
    one, other = take(store, seen(crm(7), user("jo-7"), minute=1), seen(user("jo-7"), minute=2))
    assert one.lead != other.lead


def test_a_withdrawn_account_is_left_for_the_next_best(store: IdentityStore) -> None:
    wrong = take_one(store, crm(7), account=AccountHint(domain="acme.com"))
    assert wrong.account is not None
    person = wrong.identifiers[0].hash
    [left] = take(store, msgspec.structs.replace(seen(), loosens=True, parted=((person, wrong.account),)))
    assert left.account is None
    assert [forwarding.rule for forwarding in left.forwardings] == ["unmerge"]
    assert take_one(store, crm(7)).lead == left.lead != wrong.lead


def test_what_loosens_identifiers_does_not_bond_them(store: IdentityStore) -> None:
    [loosened] = take(store, msgspec.structs.replace(seen(crm(31, "deal"), crm(7)), loosens=True))
    assert take_one(store, crm(31, "deal")).lead != take_one(store, crm(7)).lead
    assert loosened.forwardings == ()


def test_an_explanation_names_identifiers_rules_and_raw_coordinates(store: IdentityStore) -> None:
    visit = take_one(store, cookie("cookie-1"))
    form = seen(email("jo@acme.com", False), cookie("cookie-1"))
    known = take(store, form)[0]
    explained = store.explain(visit.lead)
    assert explained is not None
    assert (explained.lead, explained.account) == (known.lead, known.account)
    assert {identifier.hash for identifier in explained.identifiers} == {i.hash for i in known.identifiers}
    assert {edge.rule for edge in explained.edges} == {"email~anonymous_id", "account:email_domain"}
    assert {(edge.stream, edge.position) for edge in explained.edges} == {(form.raw.stream, form.raw.position)}
    assert explained.forwarded == known.forwardings


def test_lookups_of_unknown_things_answer_none(store: IdentityStore) -> None:
    assert store.resolve(crm(404)) is None
    assert store.resolve(email("no address")) is None
    assert store.current("ld_unknown") is None
    assert store.explain("ld_unknown") is None
    assert store.aliases("ld_unknown") == []


def test_merges_are_found_again_by_what_caused_them(store: IdentityStore) -> None:
    take_one(store, cookie("cookie-1"))
    cause = seen(email("jo@gmail.com", False), cookie("cookie-1"))
    known = take(store, cause)[0]
    place = (cause.raw.stream, cause.raw.position)
    with store._engine.connect() as connection:
        found = store.caused_by(connection, [place, ("raw.crm/9", 1)])
    assert found == {place: list(zip(known.keys, known.forwardings, strict=True))}


def test_hashes_need_the_key(store: IdentityStore) -> None:
    other = IdentityStore(store._engine, bytes(32))
    assert store.identifiers_of((crm(7),)) != other.identifiers_of((crm(7),))
    assert store.hash_text("hello") != other.hash_text("hello")


def test_round_trips_do_not_grow_with_the_batch(store: IdentityStore) -> None:
    statements: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def _count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    def batch(size: int, start: int) -> list[Observation]:
        return [
            seen(email(f"p{n}@c{n % 7}.com", False), cookie(f"cookie-{n % (size // 2)}"))
            for n in range(start, start + size)
        ]

    counts = []
    for size, start in ((10, 0), (1000, 1000)):
        take(store, *batch(size, start))
        statements.clear()
        take(store, *batch(size, start))
        take(store, *batch(size, start + 100_000))
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 28


# Order does not matter.


def _play(history: Sequence[Observation], sizes: Iterator[int]) -> tuple[IdentityStore, list[Resolution]]:
    _, store = opened("sqlite://")
    resolutions, rest = [], list(history)
    while rest:
        size = next(sizes)
        resolutions += take(store, *rest[:size])
        rest = rest[size:]
    return store, resolutions


@given(histories, st.randoms(use_true_random=False))
@settings(max_examples=tries(150), suppress_health_check=[HealthCheck.too_slow])
def test_the_same_events_in_any_order_end_in_the_same_leads(history: list[Observation], rng: random.Random) -> None:
    one, _ = _play(history, itertools.repeat(1))
    other, _ = _play(rng.sample(history, len(history)), iter(lambda: rng.randint(1, 5), 0))
    assert state(one) == state(other)
    one._engine.dispose()
    other._engine.dispose()


@given(histories, st.randoms(use_true_random=False))
@settings(max_examples=tries(100), suppress_health_check=[HealthCheck.too_slow])
def test_where_a_batch_ends_changes_nothing(history: list[Observation], rng: random.Random) -> None:
    one, singly = _play(history, itertools.repeat(1))
    other, batched = _play(history, iter(lambda: rng.randint(1, 5), 0))
    assert singly == batched
    one._engine.dispose()
    other._engine.dispose()


@given(histories)
@settings(max_examples=tries(150), suppress_health_check=[HealthCheck.too_slow])
def test_forwarding_ends_at_a_live_lead_and_never_goes_in_a_circle(history: list[Observation]) -> None:
    store, resolutions = _play(history, itertools.repeat(3))
    over: set[str] = set()
    for resolution in resolutions:
        for forwarding in resolution.forwardings:
            if isinstance(forwarding, LeadSplit):
                heirs = {part.lead for part in forwarding.parts}
            else:
                heirs = {forwarding.survivor}
            assert ended(forwarding) not in over, "a lead ends once"
            over.add(ended(forwarding))
            assert not heirs & over, "a lead that ended never comes back"
        current = store.current(resolution.lead)
        assert current is not None
        again = store.current(current.lead)
        assert again is None or again == current  # None: a lead that nothing was sent for yet
    store._engine.dispose()


def components(store: IdentityStore, known: Collection[str]) -> set[frozenset[str]]:
    """The identifiers of `known`, by the lead that has them."""
    leads: dict[str, set[str]] = {}
    for hash_, (lead, *_) in state(store).items():
        if hash_ in known:
            leads.setdefault(lead, set()).add(hash_)
    return {frozenset(hashes) for hashes in leads.values()}


@given(histories, st.sampled_from(WORLD), st.sampled_from(WORLD))
@settings(max_examples=tries(300), suppress_health_check=[HealthCheck.too_slow])
def test_merging_and_unmerging_restores_who_is_who(history: list[Observation], one: Claim, other: Claim) -> None:
    store, _ = _play([*history, seen(one, minute=4), seen(other, minute=4)], itertools.repeat(4))
    known = state(store).keys()
    before = components(store, known)
    assume(store.resolve(one) != store.resolve(other))
    take(store, seen(one, other, minute=5))
    take(store, parting(one, other, minute=6))
    assert components(store, known) == before
    store._engine.dispose()


@given(histories, observations)
@settings(max_examples=tries(100), suppress_health_check=[HealthCheck.too_slow])
def test_an_event_leaves_components_alone_that_share_no_identifier_with_it(
    history: list[Observation], newcomer: Observation
) -> None:
    store, _ = _play(history, itertools.repeat(4))
    before = state(store)
    touched = {before[i.hash][3] for i in store.identifiers_of(newcomer.claims) if i.hash in before}
    take(store, newcomer)
    after = state(store)
    for hash_, row in before.items():
        if row[3] not in touched:
            assert after[hash_] == row
    store._engine.dispose()
