"""How good a set of probabilities is: ranking, calibration and use."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
Labels = NDArray[np.bool_]

SHARES = (0.05, 0.10, 0.20)
BINS = 10
THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 51))


@dataclass(frozen=True)
class TopShare:
    """What one finds by working only the best `share` of the leads."""

    share: float
    precision: float
    recall: float
    lift: float  # precision over the base rate


@dataclass(frozen=True)
class CalibrationBin:
    """One tenth of the rows, by predicted probability."""

    predicted: float  # mean
    observed: float  # share won
    rows: int


@dataclass(frozen=True)
class NetBenefit:
    """Vickers and Elkin, Medical Decision Making 26 (2006) 565–574: TP/n - FP/n · t/(1-t)."""

    threshold: float
    model: float
    everyone: float  # treating every lead


@dataclass(frozen=True)
class Evaluation:
    """Figures and curves on one set of rows."""

    rows: int
    positives: int
    auroc: float
    pr_auc: float
    brier: float
    ece: float
    log_loss: float
    top: tuple[TopShare, ...]
    calibration: tuple[CalibrationBin, ...]
    decision: tuple[NetBenefit, ...]

    def metrics(self) -> dict[str, float]:
        """The figures by name."""
        figures = {
            "rows": float(self.rows),
            "positive_rate": self.positives / self.rows,
            "auroc": self.auroc,
            "pr_auc": self.pr_auc,
            "brier": self.brier,
            "ece": self.ece,
            "log_loss": self.log_loss,
        }
        for top in self.top:
            percent = round(top.share * 100)
            figures |= {
                f"precision_top_{percent}": top.precision,
                f"recall_top_{percent}": top.recall,
                f"lift_top_{percent}": top.lift,
            }
        return figures


def evaluate(labels: Labels, probabilities: Probabilities) -> Evaluation:
    """Judge `probabilities` (0–1) by what came true. Both outcomes must occur."""
    from sklearn.metrics import average_precision_score

    bins = calibration_bins(labels, probabilities)
    return Evaluation(
        rows=len(labels),
        positives=int(labels.sum()),
        auroc=auroc(labels, probabilities),
        pr_auc=float(average_precision_score(labels, probabilities)),
        brier=float(np.mean((probabilities - labels) ** 2)),
        ece=sum(abs(each.predicted - each.observed) * each.rows for each in bins) / len(labels),
        log_loss=log_loss(labels, probabilities),
        top=tuple(_top(labels, probabilities, share) for share in SHARES),
        calibration=bins,
        decision=tuple(_net_benefit(labels, probabilities, threshold) for threshold in THRESHOLDS),
    )


def auroc(labels: Labels, scores: NDArray[np.float64]) -> float:
    """The chance that a won row scores above a lost one; a tie counts half (Mann–Whitney)."""
    _, which, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[which]
    won = int(labels.sum())
    lost = len(labels) - won
    return float((rank[labels].sum() - won * (won + 1) / 2) / (won * lost))


def log_loss(labels: Labels, probabilities: Probabilities) -> float:
    """Mean negative log likelihood in nats; certainty is bounded at 1e-15."""
    bounded = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(labels, np.log(bounded), np.log1p(-bounded))))


def calibration_bins(labels: Labels, probabilities: Probabilities) -> tuple[CalibrationBin, ...]:
    """Ten bins of equal size: win rates are low, and bins of equal width would put nearly every lead into the first."""
    order = np.argsort(probabilities, kind="stable")
    return tuple(
        CalibrationBin(float(probabilities[part].mean()), float(labels[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    )


def _top(labels: Labels, probabilities: Probabilities, share: float) -> TopShare:
    taken = max(1, math.ceil(len(labels) * share))
    best = np.argsort(-probabilities, kind="stable")[:taken]
    won = float(labels[best].sum())
    precision = won / taken
    return TopShare(share, precision, won / float(labels.sum()), precision / float(labels.mean()))


def _net_benefit(labels: Labels, probabilities: Probabilities, threshold: float) -> NetBenefit:
    odds = threshold / (1 - threshold)
    chosen = probabilities >= threshold
    rate = float(labels.mean())
    gain = float((chosen & labels).mean() - (chosen & ~labels).mean() * odds)
    return NetBenefit(threshold, gain, rate - (1 - rate) * odds)
