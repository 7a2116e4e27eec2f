"""What changed in a window against the recent past."""

from __future__ import annotations

from quality.traffic import LEARNING, Past, Window

FIELDS = {"id": 40, "email": 38, "plan": 4}


def window(rows: int = 1_000, refused: int = 0, fields: dict[str, int] | None = None, start: float = 0.0) -> Window:
    found = Window()
    found.note("crm", start, rows, refused)
    source = found.note("crm", start + 10, 0, 0)
    source.samples, source.fields = 40, dict(FIELDS if fields is None else fields)
    return found


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
