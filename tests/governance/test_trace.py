"""The way back from a decision ends at raw coordinates, or says that it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.definitions import LEAD_SCORING
from governance.errors import Untraceable
from governance.evidence import LakeView
from governance.trace import FeatureTrace, trace
from scoring.decision import Decision
from scoring.scorer import Scorer
from tests.features.conftest import History
from tests.governance.decided import decide, lake_of, told

Coordinates = tuple[str, int, int]


@pytest.fixture(scope="module")
def decision(tmp_path_factory: pytest.TempPathFactory, scorer: Scorer) -> Decision:
    return decide(tmp_path_factory.mktemp("platform"), told(), scorer)


@pytest.fixture(scope="module")
def traced(decision: Decision, tmp_path_factory: pytest.TempPathFactory) -> dict[str, FeatureTrace]:
    lake = lake_of(tmp_path_factory.mktemp("lake"), told())
    receipt = trace(decision, LakeView.of(lake, [decision], LEAD_SCORING))
    assert receipt.decision == decision
    return {feature.name: feature for feature in receipt.features}


def coordinates(feature: FeatureTrace) -> list[Coordinates]:
    """Topic, partition and offset of the raw messages."""
    return [(event.raw.topic, event.raw.partition, event.raw.offset) for event in feature.events]


def test_a_feature_leads_to_the_raw_messages_it_rests_on_newest_first(traced: dict[str, FeatureTrace]) -> None:
    assert traced["page_views_7d"].value == 3.0
    views = coordinates(traced["page_views_7d"])
    assert views[0] == ("raw.product", 1, 0)
    assert sorted(views[1:]) == [("raw.product", 0, 0), ("raw.product", 0, 1)]  # as the visitor she was
    assert coordinates(traced["pricing_visits_7d"]) == [("raw.product", 0, 1)]
    assert coordinates(traced["form_submissions_30d"]) == [("raw.crm", 0, 2)]


def test_a_feature_of_the_account_leads_to_its_peoples_messages(traced: dict[str, FeatureTrace]) -> None:
    assert coordinates(traced["account_open_opportunities"]) == [("raw.crm", 0, 3)]
    assert coordinates(traced["account_page_views_7d"]) == [("raw.product", 1, 0)]
    assert coordinates(traced["company_size"]) == [("raw.crm", 0, 1)]  # a colleague's record


def test_every_feature_is_on_the_receipt_as_it_was_served(decision: Decision, traced: dict[str, FeatureTrace]) -> None:
    assert set(traced) == set(LEAD_SCORING.names)
    assert {name: feature.value for name, feature in traced.items()} == decision.features
    assert {name: feature.age_seconds for name, feature in traced.items()} == decision.ages
    moved = {name for name, feature in traced.items() if feature.contribution is not None}
    assert moved == {reason.feature for reason in decision.reasons}


def test_what_moved_the_score_most_comes_first(traced: dict[str, FeatureTrace]) -> None:
    weights = [abs(feature.contribution or 0.0) for feature in traced.values()]
    assert weights == sorted(weights, reverse=True)
    rest = [bool(feature.events) for feature in traced.values() if not feature.contribution]
    assert rest == sorted(rest, reverse=True)


def test_nobody_elses_event_is_on_the_receipt(traced: dict[str, FeatureTrace]) -> None:
    assert ("raw.product", 0, 2) not in {place for feature in traced.values() for place in coordinates(feature)}


def test_what_was_heard_after_the_decision_is_not_on_its_receipt(tmp_path: Path, scorer: Scorer) -> None:
    early = History(told().records[:-2])
    decision = decide(tmp_path / "platform", early, scorer)
    lake = lake_of(tmp_path / "lake", told())
    receipt = trace(decision, LakeView.of(lake, [decision], LEAD_SCORING))
    places = {place for feature in receipt.features for place in coordinates(feature)}
    assert ("raw.crm", 0, 2) in places
    assert not places & {("raw.product", 1, 0), ("raw.crm", 0, 3)}


@pytest.mark.parametrize("held", [History(()), History(told().records[2:3])], ids=["empty", "of somebody else"])
def test_a_decision_of_another_lake_is_untraceable(held: History, tmp_path: Path, decision: Decision) -> None:
    lake = lake_of(tmp_path, held)
    with pytest.raises(Untraceable, match=f"decision {decision.id}: the lake holds no event of ld_2"):
        trace(decision, LakeView.of(lake, [decision], LEAD_SCORING))


def test_a_view_for_many_decisions_tells_the_same_as_one_for_each(tmp_path: Path, decision: Decision) -> None:
    lake = lake_of(tmp_path, told())
    many = [decision] * 21  # reads the whole table
    assert trace(decision, LakeView.of(lake, many, LEAD_SCORING)) == trace(
        decision, LakeView.of(lake, [decision], LEAD_SCORING)
    )
