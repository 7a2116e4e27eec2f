"""Several workers on one database end where one would: the identity lock lets them resolve one after the other."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from ingestion.identity import IdentityStore, Observation
from ingestion.identity.tables import IDENTITY_TABLES
from tests.conftest import tries
from tests.ingestion.identity.world import KEY, cookie, crm, email, histories, opened, seen, state, take, user

WORKERS = 2


class Workers:
    """Workers on one Postgres, each with connections of its own."""

    def __init__(self, url: str) -> None:
        self._engines = [opened(url)[0] for _ in range(WORKERS)]
        self._threads = ThreadPoolExecutor(WORKERS)

    def play(self, history: Sequence[Observation], rng: random.Random) -> list[IdentityStore]:
        """Share a history out among all and let them go at once, each in batches of any size."""
        _empty(self._engines[0])
        # New ones every time: a worker remembers what it found on record.
        stores = [IdentityStore(engine, KEY) for engine in self._engines]
        shares: list[list[Observation]] = [[] for _ in stores]
        for each in history:
            rng.choice(shares).append(each)
        start, sizes = threading.Barrier(WORKERS), [rng.randint(1, 4) for _ in shares]

        def work(number: int) -> None:
            start.wait()
            for batch in _batches(shares[number], sizes[number]):
                take(stores[number], *batch)

        for done in [self._threads.submit(work, number) for number in range(WORKERS)]:
            done.result()
        return stores

    def close(self) -> None:
        self._threads.shutdown()
        for engine in self._engines:
            engine.dispose()


def _empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(table.name for table in IDENTITY_TABLES)}"))


def _batches(share: Sequence[Observation], size: int) -> Iterator[Sequence[Observation]]:
    return (share[start : start + size] for start in range(0, len(share), size))


@pytest.fixture
def workers(postgres_url: str) -> Iterator[Workers]:
    found = Workers(postgres_url)
    yield found
    found.close()


@pytest.mark.timeout(3600)
def test_two_workers_on_postgres_end_in_the_people_and_ids_of_one_on_sqlite(workers: Workers) -> None:
    @given(histories, st.randoms(use_true_random=False))
    @settings(max_examples=tries(100), suppress_health_check=[HealthCheck.too_slow], database=None)
    def hold(history: list[Observation], rng: random.Random) -> None:
        engine, alone = opened("sqlite://")
        for each in history:
            take(alone, each)
        stores = workers.play(history, rng)
        assert state(stores[0]) == state(alone)
        for store in stores:  # whatever each remembers
            assert take(store, *history) == take(alone, *history)
        engine.dispose()

    hold()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_workers_on_one_database_agree(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/identity.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    engine, store = opened(url)
    people = 30
    todo = [
        [seen(crm(n), email(f"p{n}@gmail.com"), minute=n) for n in range(people)],
        [seen(user(f"user-{n}"), email(f"p{n}@gmail.com"), minute=n) for n in range(people)],
        [seen(user(f"user-{n}"), cookie(f"cookie-{n}"), minute=n) for n in range(people)],
    ]

    def work(observations: Sequence[Observation]) -> None:
        _, own = opened(url)
        for each in observations:
            take(own, each)
        own._engine.dispose()

    with ThreadPoolExecutor(len(todo)) as workers:
        for done in [workers.submit(work, each) for each in todo]:
            done.result()
    found = state(store)
    assert len({lead for lead, *_ in found.values()}) == people
    engine.dispose()
