"""From a margin (log-odds) to a calibrated probability.

Both forms are plain numbers, so that they travel as JSON and a probability needs no scikit-learn.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np


class Sigmoid(msgspec.Struct, frozen=True, tag="sigmoid", tag_field="kind"):
    """Platt scaling: 1 / (1 + exp(-(slope · margin + intercept)))."""

    slope: float
    intercept: float

    def probability(self, margin: float) -> float:
        """The calibrated probability, 0–1."""
        score = self.slope * margin + self.intercept
        if score >= 0:
            return 1.0 / (1.0 + math.exp(-score))
        small = math.exp(score)  # the other form would overflow far below zero
        return small / (1.0 + small)


class Isotonic(msgspec.Struct, frozen=True, tag="isotonic", tag_field="kind"):
    """A rising line through knots, flat outside them."""

    margins: tuple[float, ...]
    probabilities: tuple[float, ...]

    def probability(self, margin: float) -> float:
        """The calibrated probability, 0–1."""
        return float(np.interp(margin, self.margins, self.probabilities))


Calibrator = Sigmoid | Isotonic
