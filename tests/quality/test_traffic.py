"""What changed in a window against the recent past."""

from __future__ import annotations

import random
from typing import Any

import pytest

from quality.traffic import LEARNING, NULL, Past, Window

FIELDS = {"id": 40, "email": 38, "plan": 4}  # in so many of 40 samples


def window(
    rows: int = 1_000,
    refused: int = 0,
    fields: dict[str, int] | None = None,
    start: float = 0.0,
    types: dict[str, str] | None = None,
) -> Window:
    found = Window()
    found.note("crm", start, rows, refused)
    source = found.note("crm", start + 10, 0, 0)
    for number in range(40):
        there = [name for name, count in (FIELDS if fields is None else fields).items() if number < count]
        source.sample({name: (types or {}).get(name, "string") for name in there})
    return found


def null_changes(past: Past, now: Window) -> dict[str, Any]:
    return {row["source"]: row["null_change"] for row in past.profile(now)[0] if row["null_change"] is not None}


def taught() -> Past:
    past = Past()
    for number in range(LEARNING):
        past.remember(window(start=number * 10.0))
    return past


def test_first_windows_expect_whatever_they_hold() -> None:
    table, columns = Past().profile(window())
    assert set(columns) == set().union(*table)
    assert [row["volume"] for row in table] == [None, None]


def test_volume_is_relative_to_the_recent_past() -> None:
    table, _ = taught().profile(window(rows=250))
    assert table[0]["volume"] == 0.25


def test_a_source_that_fell_silent_has_volume_zero() -> None:
    silent = Window()
    silent.note("web", 100.0, 500, 0)
    silent.note("web", 110.0, 500, 0)
    table, _ = taught().profile(silent)
    assert {row["source"]: row["volume"] for row in table} == {"crm": 0.0, "web": None, "(all)": None}


def test_replayed_history_has_the_volume_of_its_own_time() -> None:
    slow = window(rows=1_000)
    slow.last = slow.first + 100.0
    assert taught().profile(slow)[0][0]["volume"] == 0.1


def test_shares_of_few_rows_are_not_judged() -> None:
    assert taught().profile(window(rows=10, refused=10))[0][0]["refused_share"] is None
    assert taught().profile(window(rows=1_000, refused=100))[0][0]["refused_share"] == 0.1


def test_new_field_is_unexpected_once_and_then_known() -> None:
    past = taught()
    table, columns = past.profile(window(fields=FIELDS | {"score": 1}))
    assert "crm.score" in table[-1]
    assert "crm.score" not in columns
    past.remember(window(fields=FIELDS | {"score": 1}))
    assert "crm.score" in past.profile(window(fields=FIELDS | {"score": 1}))[1]


def test_fields_of_a_source_that_is_hardly_known_are_not_new() -> None:
    past = Past()
    for number in range(LEARNING):
        known = window(start=number * 10.0)
        known.sources["crm"].samples = 2
        past.remember(known)
    table, columns = past.profile(window(fields=FIELDS | {"score": 1}))
    assert set(columns) == set().union(*table)


def test_vanished_habit_is_missed_and_a_rare_field_is_not() -> None:
    table, columns = taught().profile(window(fields={"id": 40}))
    assert "crm.email" in columns
    assert "crm.email" not in table[-1]
    assert "crm.plan" not in columns


def test_field_that_a_fifth_of_the_bodies_have_may_be_missing_by_chance() -> None:
    past = Past()
    for number in range(LEARNING):
        past.remember(window(start=number * 10.0, fields=FIELDS | {"url": 8}))
    assert "crm.url" not in past.profile(window())[1]


def test_field_that_once_was_rare_is_not_missed_though_it_was_frequent_since() -> None:
    past = Past()
    for number, there in enumerate((4, 30, 30, 30)):
        past.remember(window(start=number * 10.0, fields=FIELDS | {"useragent": there}))
    assert "crm.useragent" not in past.profile(window())[1]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2, 0.25, 0.3])
def test_days_of_windows_never_miss_a_field_that_is_rare_by_nature(share: float) -> None:
    chance, missed = random.Random(17), 0
    for _restart in range(400):
        past = Past()
        for number in range(LEARNING + 3):
            now = window(start=number * 10.0, fields=FIELDS | {"url": sum(chance.random() < share for _ in range(40))})
            missed += "crm.url" in set(past.profile(now)[1]) - set().union(*past.profile(now)[0])
            past.remember(now)
    assert not missed


def test_retyped_field_is_unexpected_by_its_new_type_once_and_then_known() -> None:
    past = taught()
    retyped = window(types={"id": "number"})
    table, columns = past.profile(retyped)
    assert "crm.id as number" in table[-1]
    assert "crm.id as number" not in columns
    assert "crm.id" in columns
    past.remember(retyped)
    table, columns = past.profile(retyped)
    assert set(columns) == set().union(*table)


def test_null_and_the_first_type_of_a_field_that_was_always_null_are_no_retyping() -> None:
    past = Past()
    for number in range(LEARNING):
        past.remember(window(start=number * 10.0, types={"plan": NULL}))
    for kind in (NULL, "string"):
        table, columns = past.profile(window(types={"plan": kind}))
        assert set(columns) == set().union(*table)


def test_a_field_that_says_nothing_more_often_than_before_is_named_with_its_change() -> None:
    found = null_changes(taught(), window(types={"email": NULL}))
    assert found["crm.email"] > 0.7
    assert found["crm.id"] == 0
    assert null_changes(taught(), window(fields=FIELDS | {"email": 10}))["crm.email"] > 0.4
    assert null_changes(taught(), window(fields=FIELDS | {"plan": 40}))["crm.plan"] < -0.6


def test_what_chance_explains_is_no_change_of_nulls() -> None:
    for count in (32, 40):
        assert null_changes(taught(), window(fields=FIELDS | {"email": count}))["crm.email"] == 0


def test_nulls_are_not_judged_before_enough_was_seen() -> None:
    assert null_changes(Past(), window(types={"email": NULL})) == {}
    few = window(types={"email": NULL})
    few.sources["crm"].samples = 20
    assert null_changes(taught(), few) == {}


def test_a_sender_of_few_messages_is_judged_when_there_are_enough_of_them() -> None:
    past, now = taught(), Window()
    for number in range(1, 5):
        for _ in range(10):
            now.note("crm", 100.0 + number, 1, 0).sample({"id": "string"})
        missed = "crm.email" in past.profile(now)[1]
        assert missed is (number == 3)  # at 30 samples, and not again
        past.remember(now)
        now = now.next()
    assert now.sources["crm"].samples == 10
    assert now.rows == 0
