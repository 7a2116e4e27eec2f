"""A shift is told where values moved, and not where chance moved them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from quality.drift import ALPHA, ENOUGH, KNOTS, Distribution, Values, bins, distribution_of, edges, shift_of

Draw = Callable[[np.random.Generator, int], Values]
SHAPES: dict[str, Draw] = {
    "skewed": lambda chance, rows: chance.lognormal(0, 2, rows),
    "mostly nothing": lambda chance, rows: chance.poisson(0.4, rows).astype(np.float64),
    "rare": lambda chance, rows: (chance.random(rows) < 0.03).astype(np.float64),
    "always the same": lambda _, rows: np.zeros(rows),
}
columns = arrays.arrays(
    np.float64, st.integers(0, 200), elements=st.floats(-1e9, 1e9) | st.integers(0, 3).map(float) | st.just(np.nan)
)


@given(columns, columns)
def test_every_value_is_in_one_bin_on_either_side(reference: Values, values: Values) -> None:
    known = distribution_of(reference)
    theirs, ours = bins(known, values)
    assert theirs.sum() == np.count_nonzero(~np.isnan(reference))
    assert ours.sum() == np.count_nonzero(~np.isnan(values))
    assert len(theirs) == len(ours) == len(edges(known)) + 1
    assert (theirs >= 0).all()
    assert theirs[0] == theirs[-1] == 0 or known.known == 0  # below and above everything that the reference has


@given(columns)
def test_a_distribution_keeps_some_fifty_values_and_survives_storage(values: Values) -> None:
    kept = distribution_of(values)
    assert len(kept.knots) <= KNOTS + 1
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Distribution) == kept


@pytest.mark.parametrize("shape", SHAPES)
def test_the_distance_and_its_critical_value_are_those_of_the_reference_implementation(shape: str) -> None:
    chance = np.random.default_rng(5)
    before, after = SHAPES[shape](chance, 3_000), SHAPES[shape](chance, 900) * 1.3
    shift = shift_of(distribution_of(before), after)
    exact = stats.ks_2samp(before, after).statistic
    assert shift.ks is not None
    assert exact - 1 / KNOTS <= shift.ks <= exact + 1e-12  # some fifty values are looked at
    assert shift.critical == pytest.approx(stats.kstwobign.isf(ALPHA) * (1 / 3_000 + 1 / 900) ** 0.5, rel=1e-3)


def test_the_stability_index_is_the_sum_over_bins_of_what_moved_times_its_logarithm() -> None:
    before = np.repeat([0.0, 1.0], [5_000, 5_000])
    after = np.repeat([0.0, 1.0], [8_000, 2_000])
    expected = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert shift_of(distribution_of(before), after).psi == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_so_few_as_are_judged_at_all_are_no_major_shift_by_chance(shape: str) -> None:
    chance = np.random.default_rng(7)
    for _ in range(300):
        before, after = SHAPES[shape](chance, ENOUGH), SHAPES[shape](chance, ENOUGH)
        shift = shift_of(distribution_of(before), after)
        assert shift.psi is not None
        assert shift.psi < 0.25
        assert shift.beyond_critical is not None
        assert shift.beyond_critical < 0.1


@given(st.integers(0, ENOUGH - 1))
def test_fewer_are_not_judged_however_different_they_are(rows: int) -> None:
    shift = shift_of(distribution_of(np.zeros(10_000)), np.full(rows, 9.0))
    assert (shift.psi, shift.ks, shift.critical, shift.missing_change) == (None, None, None, None)


def test_values_below_or_beyond_everything_before_are_a_shift() -> None:
    before = distribution_of(np.ones(1_000))
    for value in (0.0, 2.0):
        shift = shift_of(before, np.full(1_000, value))
        assert shift.psi is not None
        assert shift.psi > 1


def test_a_share_without_a_value_counts_by_what_chance_does_not_explain() -> None:
    before = distribution_of(np.where(np.arange(1_000) < 100, np.nan, 1.0))
    alike = shift_of(before, np.where(np.arange(1_000) < 120, np.nan, 1.0))
    other = shift_of(before, np.where(np.arange(1_000) < 400, np.nan, 1.0))
    assert alike.missing_change == 0
    assert other.missing_change is not None
    assert 0.2 < other.missing_change < 0.3
    assert [other.was_missing, other.missing] == pytest.approx([0.1, 0.4])


def test_many_rows_of_few_groups_are_few_values() -> None:
    before, after = distribution_of(np.zeros(1_000)), np.ones(1_000)
    assert shift_of(before, after, np.arange(1_000)).psi is not None
    assert shift_of(before, after, np.arange(1_000) % 20).psi is None
    assert shift_of(before, after, np.minimum(np.arange(1_000), 300)).psi is None  # one group has most
