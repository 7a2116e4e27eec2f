"""The catalogue names every feature, and the plots show what the values are."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import page, range_of
from features.definitions import LEAD_SCORING
from features.distributions import BINS, bars, html_page
from tests.features.conftest import NOW


def test_each_feature_is_one_row_with_its_owner_range_and_edges() -> None:
    rows = [line.split(" | ") for line in page(LEAD_SCORING).splitlines() if line.startswith("| `")]
    assert len(rows) == len(LEAD_SCORING.features)
    (pricing,) = (row for row in rows if row[0] == "| `pricing_visits_30d`")
    assert pricing[3] == "30 d, from the start of the day, UTC (hop 1 d)"
    assert pricing[-2:] == ["marketing", "1 |"]


def test_a_range_says_whether_a_value_may_be_missing() -> None:
    told = {feature.name: range_of(feature) for feature in LEAD_SCORING.features}
    assert told["page_views_7d"] == "0 or more"
    assert told["seniority"] == "1 to 5, or missing"


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted))
def test_every_value_is_in_one_bar(known: list[float]) -> None:
    for whole in (True, False):
        counts, last = bars(known, whole=whole)
        assert sum(counts) == len(known)
        assert 1 <= len(counts) <= BINS
        assert known[0] <= last <= known[-1]


def test_whole_numbers_have_a_bar_each_and_one_outlier_does_not_flatten_the_rest() -> None:
    assert bars([0.0, 1.0, 1.0, 3.0], whole=True) == ([1, 2, 0, 1], 3.0)
    counts, last = bars(sorted([*map(float, range(10))] * 20 + [1e9]), whole=True)
    assert (len(counts), last) == (10, 9.0)
    assert counts[-1] == 21


def test_the_page_says_how_many_leads_lack_a_value() -> None:
    values = {name: [0.0, 1.0, None, 2.0] for name in LEAD_SCORING.names} | {"seniority": [None] * 4}
    text = html_page(LEAD_SCORING, values, NOW)
    body = ElementTree.fromstring(f"<main>{text.partition('<main>')[2].partition('</main>')[0]}</main>")  # well-formed
    cards = {card.findtext("h2"): card for card in body.iter("article")}
    assert set(cards) == set(LEAD_SCORING.names)
    assert "25 % missing" in "".join(cards["page_views_7d"].itertext())
    assert "No lead has a value." in "".join(cards["seniority"].itertext())
    assert "http" not in text  # nothing is fetched
