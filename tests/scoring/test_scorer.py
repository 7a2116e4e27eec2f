"""A score is explained, recomputable bit for bit, and says what it lacked."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.definitions import LEAD_SCORING
from features.state import LeadState
from registry.bundle import Bundle
from registry.errors import FeatureMismatch
from scoring import policy
from scoring.decision import (
    Decision,
    EnrichmentStatus,
    Route,
    Tier,
    Trigger,
    decode_decision,
    encode_decision,
)
from scoring.evidence import evidence_of
from scoring.ids import new_id
from scoring.judge import differences, judge
from scoring.lookup import Served
from scoring.model import BundleModel
from scoring.policy import Weights
from scoring.rules import BASE, RULES
from scoring.scorer import Scorer
from tests.scoring.leads import ACME, ADA, account_row, enrichment_row, lead_row, lead_state, served
from tests.scoring.moments import NOW


def decide(scorer: Scorer, rows: Served) -> Decision:
    return scorer.score(rows, Trigger.API, NOW, new_id(NOW))


@pytest.mark.parametrize("enrichment", [None, enrichment_row(), enrichment_row(status="unavailable", score=None)])
@pytest.mark.parametrize("with_model", [True, False])
def test_a_recorded_decision_is_recomputed_to_the_bit_from_its_own_record(
    with_model: bool, enrichment: Any, scorer: Scorer, rules_scorer: Scorer
) -> None:
    chosen = scorer if with_model else rules_scorer
    recorded = decode_decision(encode_decision(decide(chosen, served(account=account_row(), enrichment=enrichment))))
    again = judge(evidence_of(recorded), chosen.model, policy.load(recorded.policy.version))
    assert differences(recorded, again) == {}


def test_a_changed_feature_shows_as_a_difference(scorer: Scorer) -> None:
    recorded = decide(scorer, served(account=account_row()))
    moved = msgspec.structs.replace(evidence_of(recorded), features=dict.fromkeys(LEAD_SCORING.names, 0.0))
    assert "margin" in differences(recorded, judge(moved, scorer.model, scorer.policy))


def test_the_probability_is_the_bundles_and_the_score_a_hundred_times_it(scorer: Scorer, bundle: Bundle) -> None:
    decision = decide(scorer, served(account=account_row()))
    row = bundle.vector(decision.features)
    assert decision.margin == bundle.margin(row)
    assert decision.probability == bundle.probability(bundle.margin(row))
    assert decision.ml_score == round(100 * decision.probability, 2)


def test_contributions_add_up_to_the_margin(scorer: Scorer, bundle: Bundle) -> None:
    features = decide(scorer, served(account=account_row())).features
    scored = BundleModel(bundle).score(features)
    assert scored.margin == pytest.approx(bundle.expected_margin + math.fsum(scored.contributions.values()), abs=1e-9)


def test_the_composite_weighs_model_and_reading_by_the_policy(scorer: Scorer) -> None:
    decision = decide(scorer, served(account=account_row(), enrichment=enrichment_row(score=70.0)))
    assert decision.score == round(0.6 * decision.ml_score + 0.4 * 70.0, 2)
    assert decision.enrichment_status is EnrichmentStatus.FRESH
    assert decision.degraded == ()


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (None, "none"),
        (enrichment_row(score=None, status="pending"), "pending"),
        (enrichment_row(score=None, status="unavailable"), "unavailable"),
    ],
)
def test_without_a_reading_the_score_is_the_models_alone_and_says_so(row: Any, status: str, scorer: Scorer) -> None:
    decision = decide(scorer, served(account=account_row(), enrichment=row))
    assert decision.score == decision.ml_score
    assert decision.enrichment is None
    assert decision.enrichment_status == status
    assert decision.degraded == (f"enrichment_{status}",)


@pytest.mark.parametrize(
    "row",
    [
        enrichment_row(read_at=NOW - timedelta(days=91)),
        enrichment_row(status="pending"),
        enrichment_row(status="unavailable"),
    ],
)
def test_an_old_reading_or_one_behind_newer_text_is_used_and_called_stale(row: Any, scorer: Scorer) -> None:
    fresh = decide(scorer, served(account=account_row(), enrichment=enrichment_row()))
    decision = decide(scorer, served(account=account_row(), enrichment=row))
    assert decision.enrichment_status is EnrichmentStatus.STALE
    assert decision.stale == ("enrichment",)
    assert decision.degraded == ("enrichment_stale",)
    assert decision.score == fresh.score
    assert decision.confidence < fresh.confidence


def test_a_source_that_fell_silent_is_named_with_its_age_and_lowers_no_score(bundle: Bundle) -> None:
    expected = {"hubspot": timedelta(hours=12), "zendesk": timedelta(hours=1)}
    impatient = Scorer(bundle, LEAD_SCORING, policy.load(), "demo", timedelta(days=90), expected)
    patient = Scorer(bundle, LEAD_SCORING, policy.load(), "demo", timedelta(days=90), {})
    rows = served(account=account_row(), enrichment=enrichment_row())
    decision = decide(impatient, rows)
    assert decision.source_ages == {"hubspot": 3 * 3600 + 86_400, "segment": 3 * 3600}
    assert decision.degraded == ("source_silent:hubspot",)
    assert decide(patient, rows).degraded == ()
    assert decision.score == decide(patient, rows).score
    again = judge(evidence_of(decode_decision(encode_decision(decision))), impatient.model, impatient.policy)
    assert differences(decision, again) == {}


def test_a_missing_account_and_the_lack_of_one_are_two_things_and_both_are_said(scorer: Scorer) -> None:
    lost = decide(scorer, served(account=None))
    alone = decide(scorer, served(row=lead_row(account=None)))
    assert "account_state_missing" in lost.degraded
    assert "no_account" in alone.degraded
    assert lost.account_state is None
    assert lost.account == ACME
    assert "account_open_opportunities" in lost.missing
    assert lost.features["account_open_opportunities"] is None


def test_without_a_model_the_open_rules_score_and_say_so(rules_scorer: Scorer) -> None:
    decision = decide(rules_scorer, served(account=account_row()))
    assert decision.model.kind == "rules"
    assert "no_model" in decision.degraded
    assert decision.probability is None
    points = sum(rule.score(decision.features[rule.feature]) for rule in RULES)
    assert decision.ml_score == round(min(max(BASE + points, 0), 100), 2)


def test_every_rule_is_about_a_feature_that_exists() -> None:
    assert {rule.feature for rule in RULES} <= set(LEAD_SCORING.names)


def test_a_reading_far_from_the_model_goes_to_a_person_whatever_it_promises(scorer: Scorer) -> None:
    quiet = lead_row(LeadState(newest=lead_state().newest))
    low = decide(scorer, served(row=quiet, account=account_row()))
    injected = enrichment_row(score=min(low.ml_score + 60, 100), intent="ready_to_buy")
    decision = decide(scorer, served(row=quiet, account=account_row(), enrichment=injected))
    assert decision.route is Route.HUMAN_REVIEW
    assert "model_and_reader_disagree" in decision.review_reasons


def test_withdrawn_consent_routes_to_nobody(scorer: Scorer) -> None:
    decision = decide(scorer, served(row=lead_row(lead_state(consent=0.0)), account=account_row()))
    assert decision.route is Route.NONE


def test_a_value_far_outside_training_fails_the_gate_and_goes_to_a_person(scorer: Scorer) -> None:
    decision = decide(scorer, served(row=lead_row(lead_state(each_day=1000)), account=account_row()))
    assert decision.gate == "fail"
    assert any("page_views_7d: between" in failure for failure in decision.gate_failures)
    assert decision.route is Route.HUMAN_REVIEW


def test_a_value_a_little_outside_training_warns_and_names_the_feature(scorer: Scorer) -> None:
    decision = decide(scorer, served(row=lead_row(lead_state(each_day=2)), account=account_row()))
    assert decision.gate == "warn"
    assert decision.gate_failures


def test_confidence_falls_with_every_doubt(scorer: Scorer, rules_scorer: Scorer) -> None:
    whole = decide(scorer, served(account=account_row())).confidence
    assert decide(scorer, served(account=None)).confidence < whole
    assert decide(rules_scorer, served(account=account_row())).confidence < whole
    assert decide(scorer, served(account=account_row(), enrichment=enrichment_row(score=5.0))).confidence < whole


def test_a_bundle_of_other_features_is_refused_by_name(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "feature_hash", "0th3r")
    with pytest.raises(FeatureMismatch, match="0th3r"):
        Scorer(bundle, LEAD_SCORING, policy.load(), "demo", timedelta(days=90))


def test_the_record_names_the_rows_the_lead_asked_for_and_the_tenant(scorer: Scorer) -> None:
    rows = Served("ld_old", ADA, lead_row(), account_row(), None)
    decision = decide(scorer, rows)
    assert (decision.requested, decision.lead, decision.account, decision.tenant) == ("ld_old", ADA, ACME, "demo")
    assert decision.lead_state is not None
    assert decision.lead_state.marks == lead_row().state.marks
    assert decision.account_state is not None
    assert decision.account_state.sequence == 4


@given(
    scores=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    share=st.floats(0.01, 1.0),
)
def test_a_composite_lies_between_its_parts(scores: tuple[float, float], share: float) -> None:
    ml, llm = (round(score, 2) for score in scores)
    composite = Weights(ml=share, llm=1 - share).composite(ml, llm)
    assert min(ml, llm) - 0.01 <= composite <= max(ml, llm) + 0.01


@given(
    state=st.builds(
        lead_state,
        active_hours_ago=st.floats(0, 900),
        consent=st.sampled_from([None, 0.0, 1.0]),
        each_day=st.integers(1, 10_000),
    ),
    account=st.none() | st.builds(account_row, st.integers(0, 3)),
    enrichment=st.none()
    | st.builds(
        enrichment_row,
        score=st.none() | st.floats(0, 100),
        status=st.sampled_from(["fresh", "pending", "unavailable"]),
        intent=st.sampled_from(["none", "researching", "comparing", "ready_to_buy"]),
    ),
    with_model=st.booleans(),
)
def test_any_lead_gets_a_whole_decision(
    state: LeadState, account: Any, enrichment: Any, with_model: bool, scorer: Scorer, rules_scorer: Scorer
) -> None:
    decision = decide(scorer if with_model else rules_scorer, served(lead_row(state), account, enrichment))
    assert decode_decision(encode_decision(decision)) == decision
    assert 0 <= decision.score <= 100
    assert 0 <= decision.confidence <= 1
    assert (decision.tier is Tier.HOT) == (decision.score >= 75) == decision.is_mql
    assert set(decision.missing) == {name for name, value in decision.features.items() if value is None}
    assert set(decision.ages) == set(LEAD_SCORING.names)
    assert 1 <= len(decision.reasons) <= 4
