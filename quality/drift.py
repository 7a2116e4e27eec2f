"""Whether a column's values still look as they did: new values are held to the distribution of a reference.

The only place that computes a population stability index or a Kolmogorov–Smirnov statistic. Invariant: a distribution
holds how many values lie at or below some fifty of them, no rows, and too few values are never judged.
"""

from __future__ import annotations

from math import log, sqrt
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

KNOTS = 50
BINS = 10  # of the PSI, each with a tenth of the reference, as far as equal values allow
ENOUGH = 500  # values on either side; fewer move a PSI of ten bins to 0.1 by chance
ALPHA = 0.01  # of the critical distance
CHANCE = 3.0  # standard errors by which a share may move by itself

Values = NDArray[np.float64]  # NaN = missing
Groups = NDArray[np.int64]  # a number for each row


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """What a column's values were. `at_most` counts, for each knot, the values up to and with it."""

    rows: int  # with a value or without
    knots: tuple[float, ...]  # increasing, from the least value to the greatest
    at_most: tuple[int, ...]

    @property
    def known(self) -> int:
        """How many rows have a value."""
        return self.at_most[-1] if self.at_most else 0

    @property
    def missing(self) -> float:
        """The share of rows without a value, 0–1."""
        return 1.0 - self.known / self.rows if self.rows else 1.0


class Shift(NamedTuple):
    """How far values are from their reference. A figure is None where either side has fewer than `ENOUGH` values."""

    psi: float | None  # population stability index
    ks: float | None  # greatest distance of the two cumulative shares, 0–1
    critical: float | None  # the distance that chance exceeds once in 1 / `ALPHA` times
    missing: float  # share, 0–1
    was_missing: float
    missing_change: float | None  # by how much the share moved beyond chance, 0–1

    @property
    def beyond_critical(self) -> float | None:
        """By how much the distance exceeds the critical one."""
        return None if self.ks is None or self.critical is None else max(0.0, self.ks - self.critical)


def distribution_of(values: Values) -> Distribution:
    """The distribution of a column."""
    known = np.sort(values[~np.isnan(values)])
    places = np.linspace(0, len(known) - 1, KNOTS + 1 if len(known) else 0).astype(int)
    knots = np.unique(known[places])
    counts = np.searchsorted(known, knots, side="right")
    return Distribution(rows=len(values), knots=tuple(knots.tolist()), at_most=tuple(counts.tolist()))


def shift_of(reference: Distribution, values: Values, groups: Groups | None = None) -> Shift:
    """How far `values` are from `reference`.

    `groups` says which rows share what they are measured on, such as leads of one account: those are no independent
    values, and count as fewer.
    """
    present = ~np.isnan(values)
    rows, known = (_independent(each, groups) for each in (np.ones_like(present), present))
    missing = 1.0 - float(present.mean()) if len(values) else 1.0
    change = None
    if min(reference.rows, rows) >= ENOUGH:
        change = _change_beyond_chance(reference.missing, missing, reference.rows, rows)
    if min(reference.known, known) < ENOUGH:
        return Shift(None, None, None, missing, reference.missing, change)
    return Shift(
        _stability_index(*bins(reference, values)),
        _distance(reference, values[present]),
        sqrt(-log(ALPHA / 2) / 2 * (1 / reference.known + 1 / known)),  # Smirnov 1948, asymptotic; ties lower it
        missing,
        reference.missing,
        change,
    )


def edges(reference: Distribution) -> Values:
    """The bins' upper edges, each included; the first bin lies below all of the reference, the last one above."""
    knots = np.array(reference.knots)
    tenths = np.array(reference.at_most) * BINS // max(reference.known, 1)
    ends = knots[np.diff(tenths, prepend=0) > 0]
    return np.concatenate([np.nextafter(knots[:1], -np.inf), ends])


def bins(reference: Distribution, values: Values) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many of the reference and how many of `values` lie in each bin."""
    ends = edges(reference)
    at_most = dict(zip(reference.knots, reference.at_most, strict=True))
    theirs = np.diff([0, *(at_most.get(end, 0) for end in ends.tolist()), reference.known])
    known = values[~np.isnan(values)]
    return theirs, np.bincount(np.searchsorted(ends, known, side="left"), minlength=len(ends) + 1)


def _independent(rows: NDArray[np.bool_], groups: Groups | None) -> float:
    """How many independent values so many rows are worth: Kish's effective size (Survey Sampling, 1965)."""
    if groups is None or not rows.any():
        return float(rows.sum())
    sizes = np.unique(groups[rows], return_counts=True)[1]
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _stability_index(theirs: NDArray[np.int64], ours: NDArray[np.int64]) -> float:
    """Kullback's symmetric divergence of the two. Half a value more in each bin keeps empty ones finite."""
    expected, found = ((each + 0.5) / (each.sum() + 0.5 * len(each)) for each in (theirs, ours))
    return float(np.sum((found - expected) * np.log(found / expected)))


def _distance(reference: Distribution, known: Values) -> float:
    """At the knots, so never more than between all values."""
    knots = np.array([np.nextafter(reference.knots[0], -np.inf), *reference.knots])
    theirs = np.array([0, *reference.at_most]) / reference.known
    ours = np.searchsorted(np.sort(known), knots, side="right") / len(known)
    return float(np.max(np.abs(ours - theirs)))


def _change_beyond_chance(was: float, now: float, rows_then: float, rows_now: float) -> float:
    together = (was * rows_then + now * rows_now) / (rows_then + rows_now)
    error = sqrt(together * (1 - together) * (1 / rows_then + 1 / rows_now))
    return max(0.0, abs(now - was) - CHANCE * error)
