"""Who buys: each opportunity's true probability of being won, calibrated, and the draw itself.

Invariant: the probability depends on intent and fit alone, and the outcome on nothing but that probability; what a
model can see are their traces. A perfect model ranks by the true probability.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leadline.company.dice import Dice
from leadline.company.world import Kind, Outcome, Person

WIN_RATE = 0.23
PERFECT_AUROC = 0.85  # of the true probabilities, in expectation
INTENT_WEIGHT, FIT_WEIGHT = 1.5, 1.3  # intent counts in full only for those who fit

Floats = NDArray[np.float64]


def draw_outcomes(dice: Dice, people: Sequence[Person]) -> None:
    """Give every buyer a standardised fit, a true probability and an outcome."""
    buyers = [person for person in people if person.kind is Kind.BUYER]
    if not buyers:
        return
    fit = np.array([person.fit for person in buyers])
    fit = (fit - fit.mean()) / (fit.std() or 1.0)
    intent = np.array([person.intent for person in buyers])
    score = FIT_WEIGHT * fit + INTENT_WEIGHT * intent / (1.0 + np.exp(-3.0 * fit))
    probabilities = calibrated(score, WIN_RATE, PERFECT_AUROC)
    won = drawn(probabilities, dice.random())
    for person, own_fit, probability, wins in zip(buyers, fit.tolist(), probabilities.tolist(), won, strict=True):
        person.fit, person.win_probability = own_fit, probability
        person.outcome = Outcome.WON if wins else _not_won(dice, own_fit)


def _not_won(dice: Dice, fit: float) -> Outcome:
    """Sales disqualifies those who do not fit; the rest say no or never answer."""
    if dice.chance(min(0.6, max(0.04, 0.2 - 0.15 * fit))):
        return Outcome.DISQUALIFIED
    return Outcome.LOST if dice.chance(0.68) else Outcome.SILENT


def drawn(probabilities: Floats, start: float) -> list[bool]:
    """Systematic sampling along the probabilities, from a random `start` in [0, 1).

    Each one wins with exactly its probability, and of any run of neighbours as many win as the run's probabilities sum
    up to, so that a small company is as well calibrated as a big one (Madow 1949).
    """
    order = np.argsort(probabilities, kind="stable")
    steps = np.floor(np.cumsum(probabilities[order]) + start)
    won = np.zeros(len(order), dtype=bool)
    won[order] = np.diff(steps, prepend=0.0) > 0
    return [bool(one) for one in won]


def calibrated(score: Floats, rate: float, auroc: float) -> Floats:
    """Probabilities sigmoid(a + b * score) with the given mean and expected AUROC, both found by bisection."""
    low, high = 0.05, 12.0
    for _ in range(40):
        slope = (low + high) / 2
        probabilities = _with_mean(slope * score, rate)
        if expected_auroc(probabilities) < auroc:
            low = slope
        else:
            high = slope
    return probabilities


def expected_auroc(probabilities: Floats) -> float:
    """AUROC of the probabilities themselves when outcomes are drawn from them: the best any model can expect.

    The share of (won, not won) pairs ranked rightly, each pair weighed by the chance that it occurs.
    """
    p = np.sort(probabilities)
    losses_below = np.concatenate(([0.0], np.cumsum(1.0 - p)[:-1]))
    pairs = p.sum() * (1.0 - p).sum() - (p * (1.0 - p)).sum()  # nobody is paired with themselves
    return float((p * losses_below).sum() / pairs) if pairs else 0.5


def _with_mean(logits: Floats, rate: float) -> Floats:
    low, high = -30.0, 30.0
    for _ in range(60):
        shift = (low + high) / 2
        if float(np.mean(1.0 / (1.0 + np.exp(-(logits + shift))))) < rate:
            low = shift
        else:
            high = shift
    probabilities: Floats = 1.0 / (1.0 + np.exp(-(logits + (low + high) / 2)))
    return probabilities
