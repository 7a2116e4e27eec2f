"""Great Expectations on frames: verdicts that say what was found without saying whose."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest

from quality.errors import SuiteError
from quality.gx import Runner
from quality.suite import (
    COLUMN_SET,
    NOT_NULL_RATE,
    REGEX,
    ROW_COUNT,
    Expectation,
    Suite,
    between,
    not_null,
)
from quality.verdict import Action, Verdict

AT = datetime(2025, 11, 1, tzinfo=UTC)


def judge(frame: pd.DataFrame, *expectations: Expectation, **parameters: object) -> Verdict:
    return Runner(Suite("people", "test", expectations, version="3")).run(frame, AT, parameters)


def test_verdict_of_a_good_batch_is_pass() -> None:
    verdict = judge(pd.DataFrame({"age": [1, 2]}), between("age", 0, 9, Action.STOP))
    assert verdict == Verdict(suite="people@3", stage="test", at=AT, rows=2, action=Action.PASS)


def test_verdict_holds_counts_and_no_values() -> None:
    frame = pd.DataFrame({"email": ["jo@acme.com", None, "secret"], "age": [7, 200, 9]})
    verdict = judge(
        frame,
        Expectation(REGEX, {"column": "email", "regex": "@"}, Action.QUARANTINE),
        not_null("email"),
        between("age", 0, 120),
    )
    assert verdict.action is Action.QUARANTINE
    assert [(f.expectation, f.observed, f.unexpected) for f in verdict.findings] == [
        ("email: matching @", "1 of 3 rows", 1),
        ("email: not be null", "1 of 3 rows", 1),
        ("age: between 0 and 120", "1 of 3 rows", 1),
    ]
    assert not any(value in repr(verdict) for value in ("jo@acme", "secret", "200"))


def test_mostly_lets_a_share_of_the_rows_fail() -> None:
    frame = pd.DataFrame({"age": [1, 2, 3, 200]})
    assert judge(frame, between("age", 0, 120, mostly=0.75)).action is Action.PASS
    assert judge(frame, between("age", 0, 120, mostly=0.8)).action is Action.WARN


def test_new_and_vanished_columns_are_named() -> None:
    expectation = Expectation(COLUMN_SET, {"column_set": {"$PARAMETER": "columns"}, "exact_match": True})
    verdict = judge(pd.DataFrame({"a": [1], "new": [1]}), expectation, columns=["a", "gone"])
    assert verdict.findings[0].observed == "missing: gone; unexpected: new"


def test_batch_expectations_say_what_was_observed() -> None:
    frame = pd.DataFrame({"a": [1, None, None, 4]})
    verdict = judge(
        frame,
        Expectation(ROW_COUNT, {"min_value": 10, "max_value": 20}, Action.STOP),
        Expectation(NOT_NULL_RATE, {"column": "a", "min_value": 0.9}),
    )
    assert [finding.observed for finding in verdict.findings] == ["4", "0.5"]
    assert verdict.action is Action.STOP


def test_missing_column_and_unjudgeable_values_are_findings_not_exceptions() -> None:
    frame = pd.DataFrame({"age": ["seven", 8]})
    verdict = judge(frame, between("age", 0, 120), not_null("email"))
    assert [finding.observed for finding in verdict.findings] == [
        "cannot be judged: the column's values are of the wrong kind",
        "the column is missing",
    ]


def test_arguments_that_the_library_refuses_are_refused_at_construction() -> None:
    with pytest.raises(SuiteError, match="row count"):
        Runner(Suite("people", "test", (Expectation(ROW_COUNT, {"least": 1}),)))


def test_one_runner_judges_many_batches() -> None:
    runner = Runner(Suite("people", "test", (between("age", 0, 9),)))
    verdicts = [runner.run(pd.DataFrame({"age": ages}), AT) for ages in ([1], [11, 12], [3])]
    assert [(verdict.rows, verdict.action) for verdict in verdicts] == [
        (1, Action.PASS),
        (2, Action.WARN),
        (1, Action.PASS),
    ]


def test_importing_quality_does_not_import_great_expectations_and_running_turns_its_analytics_off() -> None:
    code = "import sys, quality.gx, quality.compiled; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    judge(pd.DataFrame({"age": [1]}), between("age", 0, 9))
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
