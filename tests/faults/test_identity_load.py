"""Identifiers that everybody seems to have, and storms of merges: bounded work, a flag, and the right people."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from ingestion.contracts.event import Claim, IdentifierType, RawPointer
from ingestion.database import metadata, open_database
from ingestion.identity import IdentityStore, Observation
from ingestion.identity.ledger import FROZEN
from ingestion.identity.tables import conflicts
from tests.conftest import tries

START = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 500
HUB = Claim(IdentifierType.EMAIL, "jo@acme.com", verified=True)
TYPED = Claim(IdentifierType.EMAIL, "jo@acme.com")
CONTACT = Claim(IdentifierType.CRM, "77", verified=True, scope="hubspot:1:contact")

Spokes = Callable[[int], tuple[Claim, Claim]]
SPOKES: dict[str, Spokes] = {
    "one address on many CRM contacts": lambda n: (
        HUB,
        Claim(IdentifierType.CRM, f"{n + 1000}", verified=True, scope="hubspot:1:contact"),
    ),
    "one address on the contacts of many CRMs": lambda n: (
        HUB,
        Claim(IdentifierType.CRM, "7", verified=True, scope=f"hubspot:{n}:contact"),
    ),
    "one address typed by many browsers": lambda n: (
        TYPED,
        Claim(IdentifierType.ANONYMOUS_ID, f"cookie-{n}", scope="site"),
    ),
    "one cookie on many users": lambda n: (
        Claim(IdentifierType.ANONYMOUS_ID, "kiosk", scope="site"),
        Claim(IdentifierType.USER_ID, f"user-{n}", verified=True, scope="site"),
    ),
    "one contact of many deals": lambda n: (
        CONTACT,
        Claim(IdentifierType.CRM, f"{n + 1000}", verified=True, scope="hubspot:1:deal"),
    ),
}


class People:
    """An identity store, told of one event after another."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store = IdentityStore(engine, bytes(32))
        self._offset = 0

    def meet(self, claims: Sequence[tuple[Claim, ...]], parted: tuple[tuple[str, str], ...] = ()) -> None:
        for start in range(0, len(claims), BATCH):
            with self.engine.begin() as connection:
                batch = [self._seen(each, parted) for each in claims[start : start + BATCH]]
                self.store.resolve_batch(connection, batch)

    def _seen(self, claims: tuple[Claim, ...], parted: tuple[tuple[str, str], ...]) -> Observation:
        self._offset += 1
        received = START + timedelta(minutes=self._offset)
        pointer = RawPointer("raw.crm", 0, self._offset, 0, "00")
        return Observation(claims, None, f"event-{self._offset}", received, False, pointer, parted=parted)

    def frozen(self) -> list[str]:
        """The identifiers that lie in the review queue because too much is tied to them."""
        with self.engine.connect() as connection:
            return list(connection.execute(select(conflicts.c.a).where(conflicts.c.reason == FROZEN)).scalars())

    def lead(self, claim: Claim) -> str:
        found = self.store.resolve(claim)
        assert found is not None
        return found.lead


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    engine = open_database(f"sqlite:///{tmp_path}/leadline.db")
    metadata.create_all(engine)
    yield People(engine)
    engine.dispose()


@pytest.mark.parametrize("spokes", SPOKES.values(), ids=SPOKES)
def test_an_identifier_on_very_many_others_is_frozen_and_slows_nobody_down(spokes: Spokes, people: People) -> None:
    """Were it not frozen, each event would cost as much as all before it together, and this test hours."""
    count = tries(10_000)
    people.meet([spokes(number) for number in range(count)])
    hub, _ = spokes(0)
    assert people.frozen() == [people.store.identifiers_of([hub])[0].hash]
    ends = [spokes(number)[1] for number in random.Random(1).sample(range(count), 50)]
    assert len({people.lead(end) for end in ends}) == len(ends)


@pytest.mark.parametrize("seed", range(tries(3)))
def test_a_storm_of_merges_ends_in_the_right_people(seed: int, people: People) -> None:
    """Everything is known of everybody before the first two pieces are found to be one person's; oracle: the number."""
    rng, count = random.Random(seed), 400

    def pieces(person: int) -> tuple[Claim, ...]:
        return (
            Claim(IdentifierType.ANONYMOUS_ID, f"cookie-{person}", scope="site"),
            Claim(IdentifierType.USER_ID, f"user-{person}", verified=True, scope="site"),
            Claim(IdentifierType.EMAIL, f"p{person}@acme.com", verified=True),
            Claim(IdentifierType.CRM, f"{person + 1000}", verified=True, scope="hubspot:1:contact"),
        )

    singles = [(piece,) for person in range(count) for piece in pieces(person)]
    pairs = [each for person in range(count) for each in zip(pieces(person), pieces(person)[1:], strict=False)]
    for storm in (singles, pairs):
        rng.shuffle(storm)
        people.meet(storm)
    leads = [{people.lead(piece) for piece in pieces(person)} for person in range(count)]
    assert all(len(mine) == 1 for mine in leads)
    assert len(set.union(*leads)) == count


def test_one_of_many_ties_is_cut_and_the_others_hold(people: People) -> None:
    visits = [Claim(IdentifierType.ANONYMOUS_ID, f"cookie-{number}", scope="site") for number in range(5)]
    deals = [Claim(IdentifierType.CRM, f"{n + 1000}", verified=True, scope="hubspot:1:deal") for n in range(400)]
    people.meet([(CONTACT, tie) for tie in (*deals, *visits)])
    assert {people.lead(tie) for tie in (*deals, *visits)} == {people.lead(CONTACT)}
    ends = people.store.identifiers_of([CONTACT, visits[0]])
    people.meet([()], parted=((ends[0].hash, ends[1].hash),))
    assert people.lead(visits[0]) != people.lead(CONTACT)
    assert {people.lead(tie) for tie in (*deals, *visits[1:])} == {people.lead(CONTACT)}
