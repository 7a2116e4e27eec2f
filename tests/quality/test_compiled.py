"""One row judged by the compiled suite: what Great Expectations would say of it, in a microsecond."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.compiled import compile_rows
from quality.gx import Runner
from quality.suite import BETWEEN, OF_TYPE, REGEX, Expectation, Suite, between, in_set, not_null
from quality.verdict import Action

AT = datetime(2025, 11, 1, tzinfo=UTC)
SUITE = Suite(
    "both",
    "test",
    (
        not_null("amount", Action.QUARANTINE),
        between("amount", -5, 100.5, Action.QUARANTINE),
        Expectation(
            BETWEEN, {"column": "share", "min_value": 0, "max_value": 1, "strict_min": True, "strict_max": True}
        ),
        between("share", 0.25, None),
        not_null("tier"),
        in_set("tier", ("hot", "warm", "cold")),
        Expectation(REGEX, {"column": "tier", "regex": "^[a-z]+$"}),
        Expectation(OF_TYPE, {"column": "tier", "type_": "str"}),
        Expectation(OF_TYPE, {"column": "anything", "type_": "int"}),
        in_set("count", (1, 2, 3)),
        between("count", 1, None, Action.STOP),
    ),
)

numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-200, 200).map(float)
rows = st.fixed_dictionaries(
    {
        "amount": st.none() | numbers,
        "share": st.none() | st.floats(0, 1),
        "tier": st.none() | st.sampled_from(["hot", "warm", "cold", "HOT", "tepid", ""]) | st.text(max_size=3),
        "anything": st.none() | st.integers(0, 9) | st.text(max_size=2) | st.booleans(),
        "count": st.none() | st.integers(-3, 6),
    }
)
_runners: list[Runner] = []


def runner() -> Runner:
    """Great Expectations' execution of the suite, built once for the many examples."""
    if not _runners:
        _runners.append(Runner(SUITE))
    return _runners[0]


@settings(max_examples=60)
@given(st.lists(rows, min_size=1, max_size=8))
def test_compiled_check_and_great_expectations_count_the_same_rows(frame: list[dict[str, Any]]) -> None:
    verdict = runner().run(pd.DataFrame(frame, dtype=object), AT)
    counted = {finding.expectation: finding.unexpected for finding in verdict.findings}

    check = compile_rows(SUITE)
    compiled: dict[str, int] = {}
    for row in frame:
        for label in check(row):
            compiled[label] = compiled.get(label, 0) + 1

    assert compiled == counted
    assert check.action(tuple(compiled)) is verdict.action


def test_a_null_breaks_only_the_expectation_that_there_is_a_value() -> None:
    check = compile_rows(SUITE)
    good = {"amount": 1.0, "share": 0.5, "tier": "hot", "anything": 1, "count": 2}
    assert check(good) == ()
    for nothing in (None, math.nan):
        assert check(good | {"amount": nothing}) == ("amount: not be null",)
    assert check({name: value for name, value in good.items() if name != "amount"}) == ("amount: not be null",)


def test_values_of_the_wrong_kind_break_the_expectation_and_nothing_else() -> None:
    check = compile_rows(SUITE)
    row = {"amount": "a lot", "share": 0.5, "tier": ["hot"], "anything": 1, "count": 2}
    assert check(row) == (
        "amount: between -5 and 100.5",
        "tier: one of 3 values",
        "tier: matching ^[a-z]+$",
        "tier: of type str",
    )


def test_the_most_severe_broken_expectation_decides() -> None:
    check = compile_rows(SUITE)
    assert check.action(()) is Action.PASS
    assert check.action(("share: between 0.25 and ∞",)) is Action.WARN
    assert check.action(("share: between 0.25 and ∞", "amount: not be null")) is Action.QUARANTINE
    assert check.action(("count: between 1 and ∞", "amount: not be null")) is Action.STOP


def test_milder_expectations_can_be_left_out() -> None:
    check = compile_rows(SUITE, Action.QUARANTINE)
    assert check({"amount": 1.0, "share": 7.0, "tier": None}) == ()
    assert check({"amount": 700.0, "count": 0}) == ("amount: between -5 and 100.5", "count: between 1 and ∞")
