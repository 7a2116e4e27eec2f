"""What is asked for waits until an answer that counts is there, whoever asks, however often, and whoever dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.database import metadata, open_database
from ingestion.hydration.table import FAILED, WAITING, Ask, Hydrations, Task
from ingestion.hydration.vendor import Wanted

OWNER = ("hubspot", "northlight")
DAY = 86_400.0
LEASE = 60.0


@pytest.fixture(params=["sqlite", "postgres"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hydrations]:
    url = f"sqlite:///{tmp_path}/leadline.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(url)
    metadata.create_all(engine)
    yield Hydrations(engine)
    engine.dispose()


def ask(at: float, number: int = 1, *, anew: bool = False, by: str = "raw.crm/0/1") -> Ask:
    about = Wanted("contact", str(number), "50687303", anew)
    return Ask(*OWNER, about, at, at - 30 * DAY, by, "00-trace")


def all_due(table: Hydrations, now: float) -> list[Task]:
    found = []
    while (task := table.take(OWNER, now, LEASE)) is not None:
        found.append(task)
    return found


def fetch(table: Hydrations, at: float) -> None:
    [task] = all_due(table, at)
    table.fetched(task, at, at)


def test_object_is_fetched_once_however_often_it_is_named(table: Hydrations) -> None:
    table.note([ask(0, by="raw.crm/0/1"), ask(0, by="raw.crm/0/2")], 0)
    table.note([ask(1)], 1)
    [task] = all_due(table, 1)
    assert task == Task(*OWNER, "50687303", "contact", "1", 0, "raw.crm/0/2", "00-trace")
    assert task.about == Wanted("contact", "1", "50687303")
    table.fetched(task, 1, 2)
    table.note([ask(3)], 3)
    assert all_due(table, 3) == []


def test_answer_counts_until_it_is_too_old(table: Hydrations) -> None:
    table.note([ask(0)], 0)
    fetch(table, 1)
    table.note([ask(29 * DAY)], 29 * DAY)
    assert all_due(table, 29 * DAY) == []
    table.note([ask(31 * DAY)], 31 * DAY)
    assert len(all_due(table, 31 * DAY)) == 1


def test_object_that_has_changed_is_fetched_again_but_not_for_a_message_read_twice(table: Hydrations) -> None:
    table.note([ask(0)], 0)
    fetch(table, 10)
    table.note([ask(20, anew=True, by="raw.crm/0/9")], 21)
    [task] = all_due(table, 21)
    assert task.asked_by == "raw.crm/0/9"
    table.fetched(task, 22, 23)
    table.note([ask(20, anew=True)], 24)
    assert all_due(table, 24) == []


def test_change_that_comes_in_while_an_older_state_is_fetched_is_not_lost(table: Hydrations) -> None:
    table.note([ask(0)], 0)
    [task] = all_due(table, 10)
    table.note([ask(11, anew=True)], 12)
    table.fetched(task, 10, 13)
    fetch(table, 13)
    assert all_due(table, 13 + LEASE) == []


def test_object_of_a_fetcher_that_died_comes_up_again(table: Hydrations) -> None:
    table.note([ask(0)], 0)
    [task] = all_due(table, 1)
    assert all_due(table, LEASE) == []
    assert all_due(table, 1 + LEASE) == [task]


def test_object_waits_for_its_next_attempt(table: Hydrations) -> None:
    table.note([ask(0)], 0)
    [task] = all_due(table, 1)
    table.later(task, 100, "status 500")
    table.note([ask(2)], 2)
    assert all_due(table, 99) == []
    assert [task.attempts for task in all_due(table, 100)] == [1]


def test_failure_stands_until_somebody_says_so_or_the_object_changes(table: Hydrations) -> None:
    table.note([ask(0)], 0)
    [task] = all_due(table, 1)
    table.failed(task, 2, "status 404: the vendor has no such object" + " " * 500)
    table.note([ask(3), ask(1.5, anew=True)], 3)
    assert all_due(table, 3) == []
    [failure] = table.failures(10)
    assert (failure.object, failure.attempts, failure.asked_by, failure.at) == ("1", 1, "raw.crm/0/1", 2_000_000)
    assert failure.error.startswith("status 404")
    assert (table.count(OWNER, WAITING), table.count(OWNER, FAILED)) == (0, 1)
    assert table.retry(4) == 1
    [again] = all_due(table, 4)
    table.failed(again, 5, "status 404")
    table.note([ask(6, anew=True)], 6)
    assert len(all_due(table, 6)) == 1
    assert table.failures(10) == []


def test_only_answers_that_are_too_old_are_forgotten(table: Hydrations) -> None:
    table.note([ask(0, number) for number in range(3)], 0)
    old, new, _ = all_due(table, 1)
    table.fetched(old, 1, 1)
    table.fetched(new, 5, 5)
    table.forget(OWNER, 3)
    table.note([ask(6, number) for number in range(3)], 6)
    assert [task.object for task in all_due(table, 6)] == [old.object]


def test_others_objects_are_not_ours(table: Hydrations) -> None:
    table.note([ask(0)], 0)
    assert table.take(("hubspot", "other"), 1, LEASE) is None
    assert table.take(("zendesk", "northlight"), 1, LEASE) is None


def test_workers_that_take_at_once_never_take_the_same(table: Hydrations) -> None:
    table.note([ask(0, number) for number in range(60)], 0)
    taken: list[str] = []

    def work() -> None:
        taken.extend(task.object for task in all_due(table, 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=int) == [str(number) for number in range(60)]
