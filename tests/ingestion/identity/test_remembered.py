"""What a worker remembers changes no answer, whoever else writes and whichever of its batches are lost."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from ingestion.identity import IdentityStore, Observation, Resolution
from tests.conftest import tries
from tests.ingestion.identity.world import (
    KEY,
    cookie,
    crm,
    email,
    linking,
    opened,
    parting,
    seen,
    state,
    take,
    user,
)

WORKERS = 2


class _Lost(Exception):
    """The transaction of a batch fails."""


class Team:
    """Workers on one database, who take turns."""

    def __init__(self) -> None:
        self.engine, first = opened("sqlite://")
        self.workers = [first, *(IdentityStore(self.engine, KEY) for _ in range(WORKERS - 1))]

    def lose(self, worker: int, *observations: Observation) -> None:
        """A batch that fails after it was resolved."""
        with suppress(_Lost), self.engine.begin() as connection:
            self.workers[worker].resolve_batch(connection, observations)
            raise _Lost

    def forgetful(self, *observations: Observation) -> list[Resolution]:
        """The answers of a worker who has just been started."""
        return take(IdentityStore(self.engine, KEY), *observations)


@pytest.fixture
def team() -> Team:
    return Team()


# So few that everything is said again and again, and nearly every change is one to somebody who is remembered.
FEW = [crm(11), crm(12), user("jo-7"), email("jo@acme.com"), cookie("cookie-1")]
pairs = st.lists(st.sampled_from(FEW), min_size=2, max_size=2, unique=True)
events = st.builds(
    lambda claims, minute: seen(*claims, minute=minute),
    st.lists(st.sampled_from(FEW), min_size=1, max_size=2, unique=True),
    st.integers(0, 3),
)
rulings = st.builds(lambda two, ruled: ruled(*two), pairs, st.sampled_from([parting, linking]))
said = st.integers(0, 9).flatmap(lambda number: events if number else rulings)  # too many rulings part everybody
# Batches: who takes it, whether it is lost, and what is in it.
batches = st.lists(
    st.tuples(
        st.integers(0, WORKERS - 1),
        st.sampled_from([False, False, False, True]),
        st.lists(said, min_size=1, max_size=3),
    ),
    min_size=10,
    max_size=25,
)


@given(batches)
@settings(max_examples=tries(150), suppress_health_check=[HealthCheck.too_slow])
def test_workers_who_remember_answer_as_one_who_does_not(batches: list[tuple[int, bool, list[Observation]]]) -> None:
    team, other = Team(), Team()
    for worker, lost, batch in batches:
        if lost:
            team.lose(worker, *batch)
        else:
            assert take(team.workers[worker], *batch) == other.forgetful(*batch)
    assert state(team.workers[0]) == state(other.workers[0])
    team.engine.dispose()
    other.engine.dispose()


def test_who_says_nothing_new_is_looked_up_nowhere(team: Team) -> None:
    visit = seen(user("jo-7"), cookie("cookie-1"))
    [first] = take(team.workers[0], visit)
    statements = _counted(team.engine)
    assert take(team.workers[0], visit, visit, visit) == [first] * 3
    assert len(statements) == 2, "BEGIN, and what others have changed"


def test_what_another_worker_finds_out_is_followed(team: Team) -> None:
    one, other = team.workers[:2]
    take(one, seen(crm(7)), seen(user("jo-7")))
    take(other, seen(crm(7), user("jo-7"), minute=1))
    [again] = take(one, seen(user("jo-7"), minute=2))
    assert again.lead == take(other, seen(crm(7), minute=3))[0].lead
    take(other, parting(crm(7), user("jo-7"), minute=4))
    [contact, product] = take(one, seen(crm(7), minute=5), seen(user("jo-7"), minute=6))
    assert contact.lead != product.lead
    assert again.lead not in (contact.lead, product.lead)


def test_what_a_lost_batch_found_is_not_remembered(team: Team) -> None:
    [apart] = take(team.workers[0], seen(user("jo-7")))
    joining = seen(user("jo-7"), crm(7), minute=1)
    team.lose(0, joining)
    assert take(team.workers[0], seen(user("jo-7"), minute=2))[0] == apart
    [joined] = take(team.workers[0], joining)
    assert joined.lead != apart.lead
    assert joined.forwardings != ()


def test_who_changes_within_a_batch_is_remembered_no_longer(team: Team) -> None:
    visit = seen(cookie("cookie-1"))
    [before] = take(team.workers[0], visit)
    answers = take(team.workers[0], visit, seen(cookie("cookie-1"), email("jo@gmail.com", verified=False)), visit)
    assert answers[0] == before
    assert answers[1].lead == answers[2].lead != before.lead


def _counted(engine: Engine) -> list[str]:
    statements: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    return statements
