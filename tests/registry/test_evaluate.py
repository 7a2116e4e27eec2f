"""The figures say what their definitions say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss as reference_log_loss
from sklearn.metrics import roc_auc_score

from registry.evaluate import auroc, evaluate, log_loss

outcomes = st.lists(st.booleans(), min_size=4, max_size=60).filter(lambda labels: 0 < sum(labels) < len(labels))


@given(labels=outcomes, data=st.data())
def test_auroc_and_log_loss_equal_scikit_learns_with_ties(labels: list[bool], data: st.DataObject) -> None:
    grades = st.integers(0, 5).map(lambda grade: grade / 5)
    scores = np.array(data.draw(st.lists(grades, min_size=len(labels), max_size=len(labels))))
    won = np.array(labels)
    assert auroc(won, scores) == pytest.approx(roc_auc_score(won, scores), abs=1e-12)
    bounded = np.clip(scores, 1e-3, 1 - 1e-3)
    assert log_loss(won, bounded) == pytest.approx(reference_log_loss(won, bounded), abs=1e-12)


def test_honest_probabilities_are_calibrated_and_flattered_ones_are_not() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.beta(1, 6, 20_000)
    labels = generator.random(20_000) < probabilities
    assert evaluate(labels, probabilities).ece < 0.01
    assert evaluate(labels, np.sqrt(probabilities)).ece > 0.1
    assert evaluate(labels, probabilities).brier < evaluate(labels, np.sqrt(probabilities)).brier


def test_a_perfect_order_finds_every_win_at_the_top() -> None:
    labels = np.arange(1000) >= 900
    evaluation = evaluate(labels, np.arange(1000) / 1000)
    assert evaluation.auroc == 1.0
    figures = evaluation.metrics()
    assert figures["precision_top_10"] == 1.0
    assert figures["recall_top_5"] == 0.5
    assert figures["recall_top_20"] == 1.0
    assert figures["lift_top_10"] == pytest.approx(10.0)
    assert figures["precision_top_20"] == 0.5


def test_net_benefit_weighs_wasted_calls_at_the_thresholds_odds() -> None:
    labels = np.array([True, True, False, False, False, False, False, False, False, False])
    probabilities = np.array([0.9, 0.3, 0.4, *[0.01] * 7])
    at_20 = next(each for each in evaluate(labels, probabilities).decision if each.threshold == 0.2)
    assert at_20.model == pytest.approx(2 / 10 - 1 / 10 * 0.25)
    assert at_20.everyone == pytest.approx(2 / 10 - 8 / 10 * 0.25)
