"""The feature gate holds states and values to what is declared of them, and stops only for mistakes of our own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from features.clock import DAY, micros
from features.definitions import LEAD_SCORING
from features.gate import STATES, ValueCheck, judged
from features.language.keep import series_of
from features.language.window import Hop
from features.rows import LeadRow
from features.state import LeadState
from quality.compiled import compile_rows
from quality.verdict import Action
from tests.features.conftest import NOW, event_of, page, record
from tests.features.oracle import Worker

SOUND = LEAD_SCORING.features_at(None, None, NOW)
VIEWS = series_of(1, Hop.HOUR)


@pytest.fixture
def check() -> ValueCheck:
    return ValueCheck(LEAD_SCORING)


def row(state: LeadState) -> LeadRow:
    """A row that has just become known."""
    return LeadRow(state, NOW, 1)


def test_a_lead_of_whom_nothing_is_known_passes(check: ValueCheck) -> None:
    check.note(row(LeadState()), None, NOW)
    verdict = check.verdict(NOW)
    assert (verdict.action, verdict.rows, verdict.findings) == (Action.PASS, 1, ())


def test_a_missing_value_that_may_not_be_missing_stops_the_stage(check: ValueCheck) -> None:
    check.note_values(SOUND | {"page_views_7d": None})
    verdict = check.verdict(NOW)
    assert verdict.action is Action.STOP
    assert [finding.column for finding in verdict.findings] == ["page_views_7d"]


def test_a_value_out_of_its_range_is_told_by_name_and_stops_nothing(check: ValueCheck) -> None:
    check.note_values(SOUND | {"seniority": 9.0})
    check.note_values(SOUND | {"seniority": 3.0})
    (finding,) = (verdict := check.verdict(NOW)).findings
    assert verdict.action is Action.WARN
    assert (finding.column, finding.unexpected, finding.observed) == ("seniority", 1, "1 of 2 rows")
    assert check.verdict(NOW).findings == ()  # each window begins anew


def test_what_was_said_too_long_ago_of_most_leads_is_told(check: ValueCheck) -> None:
    for days_ago in (400, 500, 1):
        worker = Worker()
        worker.handle([event_of(record(jobtitle="CEO"), at=NOW - timedelta(days=days_ago), lead="ld_0")])
        check.note(row(worker.leads["ld_0"]), None, NOW)
    verdict = check.verdict(NOW)
    assert verdict.action is Action.WARN
    assert [finding.column for finding in verdict.findings] == ["seniority age, days", "source hubspot age, days"]


def test_a_source_that_is_silent_about_most_leads_is_told_by_name() -> None:
    check = ValueCheck(LEAD_SCORING, {"hubspot": timedelta(days=90)})
    for days_ago in (91, 100, 1):
        worker = Worker()
        worker.handle([event_of(page(), at=NOW - timedelta(days=days_ago), lead="ld_0")])
        check.note(row(worker.leads["ld_0"]), None, NOW)
    check.note(row(LeadState(sources={"segment": 0})), None, NOW)  # of whom HubSpot never spoke
    verdict = check.verdict(NOW)
    assert verdict.action is Action.WARN
    assert [(each.column, each.observed) for each in verdict.findings] == [("source hubspot age, days", "2 of 3 rows")]


@pytest.mark.parametrize(
    ("state", "column"),
    [
        (LeadState(newest=micros(NOW), sums={VIEWS: {micros(NOW) // DAY * 24: -1}}), "least_count"),
        (LeadState(newest=micros(NOW), sums={VIEWS: {micros(NOW) // DAY * 24 - 400: 1}}), "tiles_beyond"),
        (LeadState(newest=micros(NOW), sums={800_000: {0: 1}}), "tiles_beyond"),
    ],
    ids=["a negative count", "a tile that trimming forgot", "a series that nobody declared"],
)
def test_a_state_that_no_fold_makes_stops_the_stage(state: LeadState, column: str) -> None:
    states = compile_rows(STATES)
    broken = states(judged(row(state), LEAD_SCORING.kept.lead, NOW, live=True))
    assert [label.partition(":")[0] for label in broken] == [column]
    assert states.action(broken) is Action.STOP
