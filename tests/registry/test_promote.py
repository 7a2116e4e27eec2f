"""No promotion without evidence; a refusal names every reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.agreed_minimum import agreed_minimum
from registry.bundle import AgreedMinimum
from registry.evaluate import Evaluation
from registry.promote import Incumbent, judge

MINIMUM = AgreedMinimum(version="1", auroc=0.70, ece=0.08, champion_auroc_slack=0.005)
GOOD = Evaluation(
    rows=100,
    positives=10,
    auroc=0.80,
    pr_auc=0.4,
    brier=0.1,
    ece=0.02,
    log_loss=0.3,
    top=(),
    calibration=(),
    decision=(),
)
BASELINE = replace(GOOD, auroc=0.78)


def test_a_better_model_is_promoted_and_the_reason_has_the_figures() -> None:
    promotion = judge(GOOD, BASELINE, MINIMUM, None)
    assert promotion.promoted
    assert "0.8000 beats the logistic baseline's 0.7800" in promotion.why
    assert "there was no champion" in promotion.why


@pytest.mark.parametrize(
    ("model", "incumbent", "reason"),
    [
        (replace(GOOD, auroc=0.78), None, "does not beat the logistic baseline's 0.7800"),
        (replace(GOOD, ece=0.081), None, "ECE 0.0810 is above the agreed 0.08"),
        (replace(GOOD, auroc=0.69), None, "below the agreed 0.70"),
        (replace(GOOD, auroc=float("nan")), None, "does not beat"),
        (GOOD, Incumbent("4", 0.81), "worse than champion version 4's 0.8100"),
    ],
)
def test_a_model_that_has_not_earned_it_is_refused(model: Evaluation, incumbent: Incumbent | None, reason: str) -> None:
    promotion = judge(model, BASELINE, MINIMUM, incumbent)
    assert not promotion.promoted
    assert reason in promotion.why


def test_every_failed_condition_is_named() -> None:
    why = judge(replace(GOOD, auroc=0.6, ece=0.2), BASELINE, MINIMUM, Incumbent("4", 0.9)).why
    assert why.count(";") == 3


def test_as_good_as_the_champion_within_the_agreed_slack_is_not_worse() -> None:
    assert judge(GOOD, BASELINE, MINIMUM, Incumbent("4", 0.804)).promoted


def test_a_champion_of_other_features_cannot_block_its_successor() -> None:
    promotion = judge(GOOD, BASELINE, MINIMUM, Incumbent("4", None))
    assert promotion.promoted
    assert "trained on other features" in promotion.why


def test_the_agreement_is_a_versioned_file() -> None:
    agreed = agreed_minimum()
    assert (agreed.version, agreed.auroc, agreed.ece) == ("1", 0.70, 0.08)
