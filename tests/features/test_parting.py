"""People who were taken for one and are parted again: each has exactly what is theirs, wherever a worker stopped."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from features.activity import Kind
from features.clock import DAY, micros
from features.definitions import LEAD_SCORING
from features.fold import absorb
from features.language.keep import series_of
from features.language.window import Hop
from features.parting import HeldInLake, shares
from features.state import LeadState, decode_lead_state, encode_state
from ingestion.contracts.event import (
    Claim,
    EventType,
    Identifier,
    IdentifierType,
    LeadPart,
    LeadSplit,
)
from ingestion.errors import Retry
from tests.conftest import tries
from tests.features.conftest import NOW, event_of, page
from tests.features.members import Crash, Member
from tests.features.platforms import applied
from tests.features.world import AL, COOKIE, CRM, JO, PEOPLE, TYPES, USER, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(applied(tmp_path))
    yield found
    found.engine.dispose()


def test_parted_people_have_what_is_theirs_and_nothing_twice(world: World) -> None:
    for _ in range(3):
        world.tell(COOKIE, USER)
    world.tell(CRM, AL, type_=EventType.MEETING_BOOKED)
    world.tell(CRM, USER)  # the mistake
    world.tell(USER, type_=EventType.PRODUCT_FEATURE_USED)
    member = Member(world.settings, world.log)
    member.drain()
    world.assert_parity()
    world.part(CRM, USER)
    world.tell(COOKIE)
    member.drain()
    world.assert_parity()
    world.assert_every_row_can_be_folded_again()
    contact, product = world.identity.resolve(CRM), world.identity.resolve(USER)
    assert contact is not None
    assert product is not None
    served = world.served()
    assert (served[contact.lead]["meetings_30d"], served[product.lead]["meetings_30d"]) == (1.0, 0.0)
    assert served[product.lead]["feature_uses_7d"] == 1.0


def test_an_account_counts_parted_people_apart(world: World) -> None:
    domain = Claim(IdentifierType.EMAIL, "al@acme.com", True)
    world.tell(CRM, JO)
    world.tell(USER, domain)
    world.tell(CRM, USER)
    member = Member(world.settings, world.log)
    member.drain()
    assert {features["account_active_people_30d"] for features in world.served().values()} == {1.0}
    world.part(CRM, USER)
    world.tell(CRM)
    world.tell(USER)
    member.drain()
    world.assert_parity()
    assert {features["account_active_people_30d"] for features in world.served().values()} == {2.0}


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=12))
def test_shares_add_up_to_what_was_parted_in_any_order(owners: list[str]) -> None:
    events = [
        event_of(page(identifiers=(Identifier(IdentifierType.CRM, owner),)), at=NOW, lead="ld_1", offset=offset)
        for offset, owner in enumerate(owners)
    ]
    parts = tuple(LeadPart(lead=f"ld_{owner}", account=None) for owner in "ab")
    raw = events[-1].raw
    split = LeadSplit(
        lead="ld_1", parts=parts, owners=(("a", 0), ("b", 1)), rule="unmerge", receivedtime=NOW, imported=False, raw=raw
    )
    found = shares(split, events, LEAD_SCORING)
    for order in itertools.permutations(found.values()):
        together = LeadState()
        for share in order:
            assert absorb(together, decode_lead_state(encode_state(share.state)))
            assert not absorb(together, share.state)  # a hand-over that is repeated
        assert together.sums[series_of(Kind.ACTIVE, Hop.DAY)] == {micros(NOW) // DAY: len(owners)}


def test_parted_people_who_are_found_to_be_one_after_all_lose_nothing(world: World) -> None:
    world.tell(CRM, USER)  # known by both from the first event on: their states count under one lead's name
    for _ in range(4):
        world.tell(USER)
        world.tell(CRM, type_=EventType.MEETING_BOOKED)
    world.part(CRM, USER)
    member = Member(world.settings, world.log)
    member.drain()
    for person in (CRM, USER):  # both own one verified address
        world.tell(person, JO)
    member.drain()
    assert world.identity.resolve(CRM) == world.identity.resolve(USER)
    world.assert_parity()
    world.assert_every_row_can_be_folded_again()


def test_what_ingestion_sends_again_after_a_parting_counts_once(world: World) -> None:
    world.tell(CRM, USER)
    for _ in range(3):
        world.tell(USER)
    world.part(CRM, USER)
    member = Member(world.settings, world.log)
    member.drain()
    world.ingest_again(5)
    member.drain()
    world.assert_parity()
    world.assert_every_row_can_be_folded_again()


def test_a_worker_waits_for_the_lake_and_says_whom_it_waits_for(world: World) -> None:
    world.tell(CRM, USER)
    marks = {"ld_unknown|raw.crm/0": 5}
    with pytest.raises(Retry, match="is the lake writer running"):
        HeldInLake(world.settings.lake, timedelta())(marks)


steps = st.one_of(
    st.tuples(
        st.just("tell"),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2, unique=True),
        st.sampled_from(TYPES),
        st.floats(0, 40),
    ),
    st.tuples(
        st.just("tell"),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=1),
        st.sampled_from(TYPES),
        st.floats(0, 40),
    ),
    st.tuples(
        st.just("part"), st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=2, unique=True), st.none(), st.none()
    ),
)


@given(st.lists(steps, min_size=3, max_size=24), st.randoms(use_true_random=False))
@bounds(
    max_examples=tries(30),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
def test_online_equals_the_recompute_whatever_was_merged_and_parted(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[object, ...]], rng: random.Random
) -> None:
    world = World(applied(tmp_path_factory.mktemp("parting")))
    crash_at = rng.choice(["never", "folded", "history", "online", "sent"])
    calls = itertools.count()

    def crash(point: str) -> None:
        if point == crash_at and next(calls) == 2:
            raise Crash

    members = [Member(world.settings, world.log, crash_point=crash)]
    for step in history:
        world.happen(step, rng)
        if rng.random() < 0.4:
            try:
                members[-1].drain(rng.randint(1, 4))
            except Crash:
                members.append(Member(world.settings, world.log))
    try:
        members[-1].drain()
    except Crash:
        members.append(Member(world.settings, world.log))
        members[-1].drain()
    world.assert_parity()
    world.assert_every_row_can_be_folded_again()
    world.engine.dispose()
