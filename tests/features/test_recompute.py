"""The SQL over the lake and the folded states agree on every feature of every lead, exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from features.definitions import LEAD_SCORING
from features.recompute import Mismatch, batch_recompute, compare
from ingestion.contracts.event import Event, EventType, LeadMerged, encode_json
from ingestion.lake import EventsTable, Row, event_row, forwarding_row
from tests.features.conftest import (
    ACME,
    GLOBEX,
    NOW,
    STREAMS,
    History,
    event_of,
    histories,
    later_moments,
    merge_of,
    page,
    record,
    ticket,
)
from tests.features.oracle import Worker

Lake = Callable[[History], Path]


@pytest.fixture
def lake_of(tmp_path: Path) -> Lake:
    """Writes a history into a new lake, in two commits."""
    numbers = count()

    def write(history: History) -> Path:
        lake = tmp_path / str(next(numbers))
        table = EventsTable(lake)
        half = len(history.records) // 2
        for number, part in enumerate((history.records[:half], history.records[half:])):
            table.append([row_of(each) for each in part], {"test": number})
        return lake

    return write


def row_of(content: Event | LeadMerged) -> Row:
    """The lake's row of a record."""
    body = encode_json(content)
    return event_row(content, body) if isinstance(content, Event) else forwarding_row(content, body)


def served(history: History, as_of: datetime) -> dict[str, dict[str, float | None]]:
    """What folding the history serves."""
    worker = Worker()
    worker.handle(history.records)
    return worker.served(as_of)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), as_of=later_moments())
def test_recomputing_from_the_lake_gives_what_was_served(lake_of: Lake, history: History, as_of: datetime) -> None:
    assert compare(served(history, as_of), batch_recompute(lake_of(history), as_of, LEAD_SCORING)) == []


def test_the_lake_knows_leads_by_the_id_they_have_now(lake_of: Lake) -> None:
    history = History(
        (
            event_of(page(), at=NOW, lead="ld_0", offset=0),
            event_of(record(numberofemployees=9000), at=NOW, lead="ld_2", account=ACME, offset=1),
            merge_of("ld_0", "ld_2", offset=2),
            event_of(page(), at=NOW, lead="ld_2", account=ACME, offset=2),
        )
    )
    features = batch_recompute(lake_of(history), NOW, LEAD_SCORING)
    assert list(features) == ["ld_2"]
    assert features["ld_2"]["page_views_7d"] == 2.0
    assert features["ld_2"]["account_page_views_7d"] == 1.0  # the other was not yet the account's
    assert features["ld_2"]["company_size"] == 6.0


def test_people_who_left_and_became_one_elsewhere_stay_two_to_the_account_they_left(lake_of: Lake) -> None:
    history = History(
        (
            event_of(page(), at=NOW, lead="ld_2", account=ACME, offset=0),
            event_of(page(), at=NOW, lead="ld_3", account=ACME, offset=1),
            event_of(page(), at=NOW, lead="ld_5", account=ACME, offset=2),
            merge_of("ld_2", "ld_4", offset=3),
            event_of(page(), at=NOW, lead="ld_4", account=GLOBEX, offset=3),
            merge_of("ld_3", "ld_6", offset=4),
            event_of(page(), at=NOW, lead="ld_6", account=GLOBEX, offset=4),
            merge_of("ld_4", "ld_6", offset=5),
            event_of(page(), at=NOW, lead="ld_6", account=GLOBEX, offset=5),
        )
    )
    features = batch_recompute(lake_of(history), NOW, LEAD_SCORING)
    assert features["ld_5"]["account_active_people_30d"] == 3.0
    assert features["ld_6"]["account_active_people_30d"] == 1.0
    assert compare(served(history, NOW), features) == []


def test_an_old_priority_is_forgotten_by_sql_too(lake_of: Lake) -> None:
    history = History(
        (
            event_of(
                ticket(EventType.TICKET_CREATED, "t1", priority="urgent"),
                at=NOW - timedelta(days=91),
                lead="ld_0",
                offset=0,
            ),
            event_of(
                ticket(EventType.TICKET_CHANGED, "t1", status="open"),
                at=NOW - timedelta(days=40),
                lead="ld_0",
                offset=1,
            ),
        )
    )
    features = batch_recompute(lake_of(history), NOW, LEAD_SCORING)
    assert features["ld_0"]["open_tickets"] == 1.0
    assert features["ld_0"]["worst_ticket_priority"] == 0.0
    assert compare(served(history, NOW), features) == []


def test_statements_of_one_moment_go_by_event_id(lake_of: Lake) -> None:
    said_twice = [
        event_of(record(lifecyclestage=stage), at=NOW, lead="ld_0", stream=stream, name=name)
        for stage, name, stream in (("customer", "b", STREAMS[0]), ("lead", "a", STREAMS[1]))
    ]
    for records in (said_twice, said_twice[::-1]):
        history = History(tuple(records))
        assert batch_recompute(lake_of(history), NOW, LEAD_SCORING)["ld_0"]["lifecycle_stage"] == 6.0
        assert served(history, NOW)["ld_0"]["lifecycle_stage"] == 6.0


def test_an_empty_lake_has_no_leads(tmp_path: Path) -> None:
    assert batch_recompute(tmp_path, NOW, LEAD_SCORING) == {}


def test_a_difference_is_named_with_both_values() -> None:
    ours: dict[str, float | None] = {"page_views_7d": 2.0, "seniority": None}
    theirs: dict[str, float | None] = {"page_views_7d": 3.0, "seniority": None}
    assert compare({"ld_0": ours}, {"ld_0": theirs}) == [Mismatch("ld_0", "page_views_7d", 2.0, 3.0)]
    assert compare({"ld_0": ours}, {"ld_0": ours}) == []


def test_a_lead_that_one_side_lacks_differs_in_every_known_value() -> None:
    ours: dict[str, float | None] = {"page_views_7d": 2.0, "seniority": None}
    assert compare({"ld_0": ours}, {}) == [Mismatch("ld_0", "page_views_7d", 2.0, None)]
    assert compare({}, {"ld_0": ours}) == [Mismatch("ld_0", "page_views_7d", None, 2.0)]
