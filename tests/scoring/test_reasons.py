"""Reasons are the three features that moved the score most, in words, and the strongest against them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.definitions import LEAD_SCORING
from scoring.reasons import PHRASES, describe, reasons_of


def test_every_feature_has_words_for_a_value_for_zero_and_for_nothing() -> None:
    assert set(PHRASES) == set(LEAD_SCORING.names)
    for feature in LEAD_SCORING.features:
        for value in (None, 0.0, 1.0, feature.maximum or 12.0):
            words = describe(feature.name, value)
            assert "_" not in words
            assert words == words.strip()


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("pricing_visits_7d", 3.0, "3 visits of pricing pages in 7 days"),
        ("pricing_visits_7d", 1.0, "1 visit of a pricing page in 7 days"),
        ("pricing_visits_7d", 0.0, "no visit of a pricing page in 7 days"),
        ("days_since_last_activity", 12.04, "the last activity 12.0 days ago"),
        ("days_since_last_activity", None, "no activity so far"),
        ("company_size", 3.0, "the company size (51 to 200 people)"),
        ("company_size", 6.0, "the company size (over 5,000 people)"),
        ("company_size", None, "an unknown company size"),
        ("lifecycle_stage", 3.0, "the lifecycle stage (marketing-qualified lead)"),
        ("technology_fit", 0.5, "a technology fit of 50 %"),
        ("email_consent", 0.0, "withdrawn consent to e-mail"),
    ],
)
def test_words_carry_the_value_and_its_unit(feature: str, value: float | None, words: str) -> None:
    assert describe(feature, value) == words


def test_when_all_three_push_one_way_the_strongest_against_them_is_named_too() -> None:
    parts = {"page_views_7d": 3.0, "calls_30d": 2.0, "meetings_30d": 1.0, "seniority": -0.2, "open_tickets": -0.5}
    reasons = reasons_of(dict.fromkeys(parts, 1.0), parts)
    assert [reason.feature for reason in reasons] == ["page_views_7d", "calls_30d", "meetings_30d", "open_tickets"]
    assert reasons[0].text == "1 page view in 7 days raised the score"
    assert reasons[3].text == "1 open support ticket lowered the score"


def test_when_the_three_push_both_ways_there_are_three() -> None:
    parts = {"page_views_7d": 3.0, "calls_30d": -2.0, "meetings_30d": 1.0, "seniority": -0.2}
    assert len(reasons_of(dict.fromkeys(parts, 1.0), parts)) == 3


@given(st.dictionaries(st.sampled_from(LEAD_SCORING.names), st.floats(-5, 5)), st.randoms())
def test_reasons_do_not_depend_on_the_order_of_the_contributions(parts: dict[str, float], random: object) -> None:
    shuffled = list(parts.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    features = dict.fromkeys(parts, 2.0)
    reasons = reasons_of(features, parts)
    assert reasons == reasons_of(features, dict(shuffled))
    assert all(reason.contribution != 0 for reason in reasons)
