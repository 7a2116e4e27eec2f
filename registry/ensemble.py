"""Margins and exact SHAP values of boosted trees, from their leaves.

A leaf is a product game: a feature `i` in the coalition contributes `o_i` (1 if the row meets the leaf's condition
on it, else 0), one outside contributes `z_i`, the share of training rows that meet it. The Shapley value of a
product has a closed form through its multilinear extension (Owen, Management Science 18 (1972) P64–P79):

    phi_i = value · (o_i - z_i) · ∫₀¹ Π_{j≠i} (z_j + t (o_j - z_j)) dt

The integrand is a polynomial of degree below D, the leaf's number of features, so ⌈D/2⌉ Gauss–Legendre points
integrate it exactly. Summed over the leaves this is path-dependent TreeSHAP (Lundberg et al., Nature Machine
Intelligence 2 (2020) 56–67), which scikit-learn's trees otherwise need the `shap` package for.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from registry.leaves import Leaves

Vector = NDArray[np.float64]


class Ensemble:
    """Leaves laid out for one row at a time: matrices of shape (conditions of a leaf, leaves), padded.

    Padding is a condition that always holds with cover 1, which changes neither a product nor a sum. Immutable; may
    be shared by threads.
    """

    def __init__(self, leaves: Leaves, baseline: float, features: int) -> None:
        count = np.diff(leaves.start)
        depth, width = max(int(count.max(initial=0)), 1), len(leaves.value)
        leaf = np.repeat(np.arange(width), count)
        slot = np.arange(len(leaf)) - np.repeat(leaves.start[:-1], count)

        # Many leaves share a condition: each distinct one is tested once.
        condition = np.rec.fromarrays(
            [
                np.append(leaves.feature, 0),
                np.append(np.nan_to_num(leaves.lower, nan=-np.inf), -np.inf),
                np.append(leaves.upper, np.inf),
                np.append(leaves.missing, True),  # the padding: always holds
            ]
        )
        _, first, which = np.unique(condition, return_index=True, return_inverse=True)
        self._feature = np.append(leaves.feature, 0)[first].astype(np.intp)
        self._lower = np.append(leaves.lower, np.nan)[first]
        self._upper = np.append(leaves.upper, np.inf)[first]
        self._missing = np.append(leaves.missing, True)[first]
        self._condition = np.full((depth, width), which[-1], dtype=np.intp)
        self._condition[slot, leaf] = which[:-1]

        cover = np.ones((depth, width))
        cover[slot, leaf] = leaves.cover
        column = np.full((depth, width), features, dtype=np.intp)
        column[slot, leaf] = leaves.feature
        points, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
        t, w = ((points + 1) / 2)[:, None], (weights / 2)[:, None]
        z = cover[:, None, :]
        padding = (column == features)[:, None, :]
        self._met = z + t * (1 - z)
        self._unmet = np.where(padding, 1.0, z * (1 - t))
        self._gain_met = (1 - z) * w * leaves.value / self._met
        self._gain_unmet = np.where(padding, 0.0, -z * w * leaves.value / self._unmet)

        self._value = leaves.value
        self._column = column.ravel()
        self._features = features
        self.baseline = baseline
        self.expected_margin = baseline + math.fsum((leaves.value * np.multiply.reduce(cover, axis=0)).tolist())

    def margin(self, x: Vector) -> float:
        """Log-odds of one row (NaN = missing). The sum is correctly rounded, so its order cannot matter."""
        reached = np.logical_and.reduce(self._holds(x), axis=0)
        return self.baseline + math.fsum(self._value[reached].tolist())

    def contributions(self, x: Vector) -> Vector:
        """Each feature's SHAP value in log-odds; with `expected_margin` they add up to `margin`."""
        met = self._holds(x)[:, None, :]
        product = np.multiply.reduce(np.where(met, self._met, self._unmet), axis=0)
        gain = np.where(met, self._gain_met, self._gain_unmet)
        gain *= product
        each = np.add.reduce(gain, axis=1).ravel()
        total = np.bincount(self._column, each, self._features + 1)[: self._features]
        return total.astype(np.float64, copy=False)

    def _holds(self, x: Vector) -> NDArray[np.bool_]:
        value = x[self._feature]
        # `a > b` is `a and not b`; a comparison with NaN is false, so an absent lower edge never excludes.
        holds = (value <= self._upper) > (value <= self._lower)
        holds |= np.isnan(value) & self._missing
        return holds.take(self._condition)
