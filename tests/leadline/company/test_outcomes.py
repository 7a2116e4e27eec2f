"""Who buys: the best possible AUROC, what behaviour gives away, and when decisions become known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.company import Company, Fate, generate
from leadline.company.outcomes import PERFECT_AUROC, WIN_RATE, calibrated, drawn, expected_auroc
from leadline.company.world import Outcome

Scores = list[float]


def auroc(scores: Scores, won: list[bool]) -> float:
    """Share of (won, not won) pairs ranked rightly, ties half."""
    positive = np.array([score for score, is_won in zip(scores, won, strict=True) if is_won])
    negative = np.array([score for score, is_won in zip(scores, won, strict=True) if not is_won])
    difference = positive[:, None] - negative[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def hubspot_changes(company: Company) -> Iterator[tuple[int, dict[str, Any]]]:
    """Good HubSpot elements with the number of the person they are about."""
    truth = company.truth
    for message, fates, owners in zip(company.messages, truth.fates, truth.owners, strict=True):
        if message.headers["source-system"] == "hubspot" and fates != Fate.QUARANTINED:
            for element, fate, owner in zip(json.loads(message.value), fates, owners, strict=True):
                if fate == Fate.GOOD:
                    yield owner, element


@pytest.mark.parametrize("seed", [7, 8])
def test_a_perfect_model_reaches_an_auroc_of_about_85_percent(seed: int, company: Company, end: datetime) -> None:
    truth = company.truth if seed == 7 else generate(seed=seed, end=end).truth
    decided = truth.decided()
    scores = [person.win_probability or 0.0 for person in decided]
    assert len(decided) > 900
    assert 0.82 <= auroc(scores, [person.outcome is Outcome.WON for person in decided]) <= 0.88


@given(st.lists(st.floats(-4, 4), min_size=30, max_size=200, unique=True))
def test_calibration_hits_the_win_rate_and_the_expected_auroc(scores: Scores) -> None:
    spread = np.array(scores)
    if spread.std() < 0.3:
        return
    probabilities = calibrated((spread - spread.mean()) / spread.std(), WIN_RATE, PERFECT_AUROC)
    assert probabilities.mean() == pytest.approx(WIN_RATE, abs=1e-6)
    assert expected_auroc(probabilities) == pytest.approx(PERFECT_AUROC, abs=0.02)


def test_the_expected_auroc_is_the_mean_over_drawn_outcomes() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.random(400) ** 2
    drawn = [auroc(probabilities.tolist(), (rng.random(400) < probabilities).tolist()) for _ in range(60)]
    assert expected_auroc(probabilities) == pytest.approx(float(np.mean(drawn)), abs=0.01)


@given(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=60))
def test_each_buyer_wins_with_exactly_the_true_probability(probabilities: Scores) -> None:
    starts = (np.arange(2_000) + 0.5) / 2_000
    share = np.mean([drawn(np.array(probabilities), float(start)) for start in starts], axis=0)
    assert share == pytest.approx(np.array(probabilities), abs=0.002)


def test_a_fifth_to_a_quarter_of_the_decided_win_in_every_part_of_the_year(company: Company) -> None:
    decided = company.truth.decided()
    won = [person.outcome is Outcome.WON for person in decided]
    assert 0.18 <= np.mean(won) <= 0.28
    for part in np.array_split(np.array(won), 5):
        assert 0.12 <= part.mean() <= 0.36
    months = Counter(person.closed.month for person in decided if person.closed is not None)
    assert min(months[month] for month in range(2, 11)) > 40
    assert {person.outcome for person in decided} == set(Outcome)


def test_a_decision_falls_20_to_85_days_after_the_opening(company: Company) -> None:
    for person in company.truth.people:
        if person.opened is not None and person.closed is not None:
            assert timedelta(days=20) <= person.closed - person.opened <= timedelta(days=85)


def test_nothing_in_the_crm_gives_the_outcome_away_before_the_decision(company: Company) -> None:
    telling = {("dealstage", "closedwon"), ("dealstage", "closedlost")}
    telling |= {("lifecyclestage", "customer"), ("lifecyclestage", "opportunity"), ("hs_lead_status", "UNQUALIFIED")}
    people = {person.number: person for person in company.truth.people}
    told: Counter[Outcome] = Counter()
    for owner, element in hubspot_changes(company):
        if (element.get("propertyName"), element.get("propertyValue")) in telling:
            person = people[owner]
            assert person.closed is not None
            assert person.outcome is not None
            moment = datetime.fromtimestamp(element["occurredAt"] / 1000, UTC)
            assert timedelta(milliseconds=-1) <= moment - person.closed < timedelta(seconds=2)
            told[person.outcome] += element["propertyName"] != "lifecyclestage"
    decided = Counter(person.outcome for person in company.truth.decided() if person.outcome is not None)
    del decided[Outcome.SILENT]
    assert told == decided


def test_behaviour_before_the_decision_carries_the_signal_but_not_the_answer(company: Company) -> None:
    """Visits and product use from three weeks before the opening to three after, long before anybody decides."""
    window = timedelta(days=21)
    fitting = [p for p in company.truth.decided() if company.census.people[p.number].fit > 0]
    opened = {p.number: p.opened for p in fitting if p.opened is not None}
    visits: Counter[int] = Counter()
    for message, owners in zip(company.messages, company.truth.owners, strict=True):
        start = opened.get(owners[0])
        if start and message.headers["source-system"] == "segment" and abs(message.received - start) <= window:
            visits[owners[0]] += 1
    signal = auroc([visits[p.number] for p in fitting], [p.outcome is Outcome.WON for p in fitting])
    assert 0.6 <= signal <= 0.85


def test_what_the_crm_knows_of_a_buyer_carries_signal_but_not_the_answer(company: Company) -> None:
    decided = company.truth.decided()
    fit = [company.census.people[person.number].fit for person in decided]
    assert 0.65 <= auroc(fit, [person.outcome is Outcome.WON for person in decided]) <= 0.85
