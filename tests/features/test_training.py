"""Training sees exactly what serving would have seen at each moment: no later row, no lost example."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from features.definitions import LEAD_SCORING
from features.history import ACCOUNT, LEAD, read_history
from features.parity import online_features
from features.rows import decode_account_row, decode_lead_row
from features.settings import history_of
from features.training import point_in_time
from ingestion.contracts.event import Event
from tests.features.conftest import ACCOUNTS, ACME, NOW, SILENT, SPOKEN, Said, event_of, page, record
from tests.features.members import Features, Log, Member
from tests.features.platforms import applied

Asked = tuple[str, str | None, datetime]
MINUTE = timedelta(minutes=1)


class Stage:
    """A platform whose clock the test moves: what is said becomes known at that moment."""

    def __init__(self, home: Path) -> None:
        self.settings = applied(home)
        self.now = NOW
        self._log = Log()
        self._member = Member(self.settings, self._log, clock=lambda: self.now)
        self._offset = 0

    def hear(self, *events: Event, at: datetime) -> None:
        """Receive these events at one moment."""
        self.now = at
        self._log.publish(msgspec.structs.replace(event, receivedtime=at) for event in events)
        self._member.drain()

    def said(self, what: Said, lead: str, account: str | None = None, *, at: datetime = NOW) -> Event:
        """An event on the first raw partition."""
        self._offset += 1
        return event_of(what, at=at, lead=lead, account=account, offset=self._offset)

    def training(self, asked: Sequence[Asked]) -> list[Features]:
        """What training is given."""
        frame = point_in_time(self.settings, _frame(asked))
        assert list(frame["lead"]) == [lead for lead, *_ in asked], "examples were lost or moved"
        plain = frame[list(LEAD_SCORING.names)].astype(object)
        return [dict(each) for each in plain.where(plain.notna(), None).to_dict("records")]  # type: ignore[arg-type]

    def known(self, asked: Sequence[Asked]) -> list[Features]:
        """What the newest rows known by each moment say."""
        leads, accounts = (read_history(history_of(self.settings), entity).to_pylist() for entity in (LEAD, ACCOUNT))
        known = []
        for lead, account, moment in asked:
            of_lead, of_account = _newest(leads, lead, moment), _newest(accounts, account, moment)
            lead_state = decode_lead_row(of_lead).state if of_lead else None
            account_state = decode_account_row(of_account).state if of_account else None
            known.append(LEAD_SCORING.features_at(lead_state, account_state, moment))
        return known


def _newest(rows: Sequence[Mapping[str, Any]], key: str | None, moment: datetime) -> bytes | None:
    of_key = [row for row in rows if row["key"] == key and row["known_at"] <= moment]
    return max(of_key, key=lambda row: int(row["sequence"]))["row"] if of_key else None


def _frame(asked: Sequence[Asked]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead": [lead for lead, *_ in asked],
            "account": [account for _, account, _ in asked],
            "event_timestamp": [pd.Timestamp(moment) for *_, moment in asked],
        }
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_several_people_of_one_account_asked_at_one_moment_each_get_their_own_features(stage: Stage) -> None:
    people = ("ld_2", "ld_3", "ld_5")
    for number, lead in enumerate(people, 1):
        stage.hear(*(stage.said(page(), lead, ACME) for _ in range(number)), at=NOW + number * MINUTE)
    moment = NOW + timedelta(hours=1)
    asked: list[Asked] = [(lead, ACME, moment) for lead in people]
    features = stage.training(asked)
    assert [each["page_views_7d"] for each in features] == [1.0, 2.0, 3.0]
    assert [each["account_page_views_7d"] for each in features] == [6.0] * 3
    assert [each["account_active_people_30d"] for each in features] == [3.0] * 3
    assert features == stage.known(asked)


def test_the_same_example_asked_twice_is_answered_twice(stage: Stage) -> None:
    stage.hear(stage.said(page(), "ld_2", ACME), at=NOW)
    asked: list[Asked] = [("ld_2", ACME, NOW + MINUTE)] * 2 + [("ld_0", None, NOW + MINUTE)] * 2
    assert stage.training(asked) == stage.known(asked)


def test_an_account_that_is_known_only_later_is_missing_until_then(stage: Stage) -> None:
    stage.hear(stage.said(page(), "ld_2"), at=NOW)
    stage.hear(stage.said(record(numberofemployees=9000), "ld_3", ACME), at=NOW + 10 * MINUTE)
    asked: list[Asked] = [("ld_2", ACME, NOW + MINUTE), ("ld_2", ACME, NOW + 11 * MINUTE)]
    before, after = stage.training(asked)
    assert before["account_page_views_7d"] is before["company_size"] is None
    assert (after["account_page_views_7d"], after["company_size"]) == (0.0, 6.0)
    assert before["page_views_7d"] == after["page_views_7d"] == 1.0
    assert [before, after] == stage.known(asked)


def test_a_lead_that_is_known_only_later_has_no_features_of_its_own_before(stage: Stage) -> None:
    stage.hear(stage.said(page(), "ld_3", ACME), at=NOW)
    stage.hear(stage.said(page(), "ld_2", ACME), at=NOW + 10 * MINUTE)
    asked: list[Asked] = [("ld_2", ACME, NOW + MINUTE), ("ld_2", ACME, NOW - MINUTE), ("ld_9", None, NOW + MINUTE)]
    asked += [("ld_2", ACME, NOW + 11 * MINUTE)]  # so Feast sees the later row as well
    features = stage.training(asked)
    assert [each["page_views_7d"] for each in features] == [0.0, 0.0, 0.0, 1.0]
    assert [each["account_page_views_7d"] for each in features] == [1.0, None, None, 2.0]
    assert features == stage.known(asked)


def test_leads_without_an_account_get_their_features(stage: Stage) -> None:
    stage.hear(stage.said(page(), "ld_0"), stage.said(page(), "ld_1"), at=NOW)
    asked: list[Asked] = [(lead, None, NOW + MINUTE) for lead in ("ld_0", "ld_1")]
    features = stage.training(asked)
    assert [each["page_views_7d"] for each in features] == [1.0, 1.0]
    assert features == stage.known(asked)


def test_a_late_event_is_absent_before_it_was_received_and_present_after(stage: Stage) -> None:
    happened = NOW - timedelta(days=2)
    stage.hear(stage.said(page(), "ld_2", ACME, at=happened), at=happened)
    stage.hear(stage.said(page("/pricing"), "ld_2", ACME, at=happened), at=NOW)
    asked: list[Asked] = [
        ("ld_2", ACME, moment) for moment in (NOW - timedelta(days=1), NOW - timedelta(microseconds=1), NOW)
    ]
    features = stage.training(asked)
    assert [each["pricing_visits_7d"] for each in features] == [0.0, 0.0, 1.0]
    assert [each["account_page_views_7d"] for each in features] == [1.0, 1.0, 2.0]
    assert features == stage.known(asked)


def test_a_silent_lead_s_windows_go_on_moving_after_its_last_row(stage: Stage) -> None:
    stage.hear(stage.said(page(), "ld_0"), at=NOW)
    asked: list[Asked] = [("ld_0", None, NOW + timedelta(days=days)) for days in (0, 6, 8)]
    features = stage.training(asked)
    assert [each["page_views_7d"] for each in features] == [1.0, 1.0, 0.0]


def test_training_as_of_now_is_what_is_served_now(stage: Stage) -> None:
    _live_through(stage, seed=5)
    moment = stage.now + MINUTE
    asked: list[Asked] = [(lead, account, moment) for lead, account in ACCOUNTS.items()]
    served = online_features(stage.settings, list(ACCOUNTS.items()), moment)
    assert stage.training(asked) == [served[lead] for lead in ACCOUNTS]


@pytest.mark.parametrize("seed", range(3))
def test_any_examples_get_what_was_known_at_their_moments(seed: int, stage: Stage) -> None:
    _live_through(stage, seed)
    rng = random.Random(seed)
    moments = [NOW + timedelta(seconds=rng.randrange(-60, 3600)) for _ in range(12)]
    asked: list[Asked] = [(lead, account, moment) for lead, account in ACCOUNTS.items() for moment in moments]
    rng.shuffle(asked)
    assert stage.training(asked) == stage.known(asked)


def _live_through(stage: Stage, seed: int) -> None:
    """An hour with a batch a minute, half a second beside the whole ones at which examples lie."""
    rng = random.Random(seed)
    for minute in range(25):
        lead = rng.choice(list(ACCOUNTS))
        at = NOW + minute * MINUTE + timedelta(milliseconds=500)
        happened = at - timedelta(hours=rng.randrange(500))
        what = rng.choice(SPOKEN + SILENT)
        stage.hear(stage.said(what, lead, ACCOUNTS[lead], at=happened), at=at)
