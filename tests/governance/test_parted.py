"""Decisions about people who were taken for one: they stay as recorded, verify, and say that they are superseded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from features.definitions import LEAD_SCORING
from features.store import OnlineStore
from governance.evidence import LakeView
from governance.trace import trace
from ingestion.contracts.event import Claim
from leadline.show import receipt_tree
from scoring.decision import Decision, Trigger
from scoring.ids import new_id
from scoring.lookup import Served, look_up
from scoring.scorer import Scorer
from tests.features.members import Member
from tests.features.platforms import applied
from tests.features.world import COOKIE, CRM, USER, World
from tests.governance.decided import verifier


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(applied(tmp_path))
    yield found
    found.engine.dispose()


def decide(world: World, scorer: Scorer, person: Claim) -> Decision:
    found = world.identity.resolve(person)
    assert found is not None
    (served,) = look_up(OnlineStore.open(world.settings), [found.lead])
    assert isinstance(served, Served)
    as_of = world.as_of + timedelta(seconds=world.sent)
    return scorer.score(served, Trigger.API, as_of, new_id(as_of))


def test_a_decision_about_two_people_is_superseded_and_theirs_after_are_not(world: World, scorer: Scorer) -> None:
    world.tell(COOKIE, USER)
    world.tell(CRM)
    member = Member(world.settings, world.log)
    member.drain()
    alone = decide(world, scorer, USER)
    world.tell(CRM, USER)
    world.tell(USER)
    member.drain()
    together = decide(world, scorer, CRM)
    world.part(CRM, USER)
    world.tell(USER)
    member.drain()
    contact, product = decide(world, scorer, CRM), decide(world, scorer, USER)
    assert len({together.lead, contact.lead, product.lead}) == 3
    for decision in (alone, together, contact, product):
        assert verifier(world.settings.lake, decision, scorer).verify(decision).held
    lake = LakeView.of(world.settings.lake, [alone, together, contact, product], LEAD_SCORING)
    assert trace(together, lake).parted == tuple(sorted((contact.lead, product.lead)))
    assert "superseded" in str(receipt_tree(trace(together, lake)).children[0].label)
    for decision in (alone, contact, product):
        assert trace(decision, lake).parted == ()
