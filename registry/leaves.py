"""Boosted trees as a list of leaves, each with the box of feature values that leads to it.

A leaf holds, for every distinct feature on its path, one merged interval `(lower, upper]`, whether a missing value
goes the same way, and the share of training rows that went the same way at that feature's splits (the cover). A row's
margin is the baseline plus the values of the leaves whose every condition holds; the same list gives exact SHAP
values (`registry.ensemble`). So what is scored and what is explained are one thing.

The stored form is flat arrays in one `.npz` file, never a pickle.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.errors import BundleError

_TYPES = {
    "value": "<f8",
    "start": "<i8",
    "feature": "<i4",
    "lower": "<f8",
    "upper": "<f8",
    "missing": "|b1",
    "cover": "<f8",
}


@dataclass(frozen=True)
class Leaves:
    """Leaf `l` has the conditions `start[l]:start[l + 1]`.

    `lower` is NaN where there is no lower edge, so that minus infinity passes as it does in scikit-learn; `upper` is
    then infinity where there is no upper edge.
    """

    value: NDArray[np.float64]  # log-odds, per leaf
    start: NDArray[np.int64]  # per leaf, and one more
    feature: NDArray[np.int32]  # per condition: column of the feature
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    missing: NDArray[np.bool_]
    cover: NDArray[np.float64]  # 0 < cover ≤ 1

    def to_bytes(self) -> bytes:
        """The `.npz` file; the same leaves give the same bytes."""
        file = io.BytesIO()
        np.savez(file, **{name: getattr(self, name).astype(kind) for name, kind in _TYPES.items()})
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes, features: int) -> Leaves:
        """Read `to_bytes` back for a model of so many features.

        Raises:
            BundleError: an array is missing, of the wrong type or does not fit the others.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                arrays = {name: np.asarray(file[name]) for name in _TYPES}
        except (KeyError, ValueError, OSError) as error:
            raise BundleError(f"leaves.npz cannot be read: {error}; train and register the model again") from error
        wrong = [name for name, kind in _TYPES.items() if arrays[name].dtype != np.dtype(kind)]
        start, conditions = arrays["start"], len(arrays["feature"])
        fits = (
            not wrong
            and len(start) == len(arrays["value"]) + 1
            and start[0] == 0
            and start[-1] == conditions
            and bool((np.diff(start) >= 0).all())
            and all(len(arrays[name]) == conditions for name in ("lower", "upper", "missing", "cover"))
            and bool(((arrays["feature"] >= 0) & (arrays["feature"] < features)).all())
        )
        if not fits:
            raise BundleError(
                f"leaves.npz holds arrays that do not fit together (wrong types: {wrong or 'none'}); "
                f"a bundle of {features} features was expected; train and register the model again"
            )
        return Leaves(**arrays)
