"""From a fitted HistGradientBoostingClassifier to its leaves.

It reads the fitted trees' node tables (`_predictors`), which scikit-learn does not promise to keep: `pyproject.toml`
pins the minor version, and every exported model is compared with the one it came from (`registry.train`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from registry.errors import NotExportable
from registry.leaves import Leaves


@dataclass(frozen=True)
class _Condition:
    lower: float = math.nan
    upper: float = math.inf
    missing: bool = True
    cover: float = 1.0


_Path = dict[int, _Condition]


def leaves_of(model: Any) -> tuple[Leaves, float]:
    """The model's leaves in tree order, and its baseline margin (log-odds).

    Raises:
        NotExportable: the model has categorical splits, or more than two classes.
    """
    if getattr(model, "is_categorical_", None) is not None:
        raise NotExportable(
            "the model splits on categorical features, for which SHAP values would be wrong without notice "
            "(shap issue 3436); encode them as plain numbers and train again"
        )
    if model.n_trees_per_iteration_ != 1:
        raise NotExportable(
            f"the model has {model.n_trees_per_iteration_} trees an iteration; a binary one (won or not) was expected"
        )
    found: list[tuple[float, _Path]] = []
    for iteration in model._predictors:
        _walk(iteration[0].nodes, 0, {}, found)
    conditions = [(feature, c) for _, path in found for feature, c in path.items()]
    leaves = Leaves(
        value=np.array([value for value, _ in found], dtype=np.float64),
        start=np.cumsum([0, *(len(path) for _, path in found)], dtype=np.int64),
        feature=np.array([feature for feature, _ in conditions], dtype=np.int32),
        lower=np.array([c.lower for _, c in conditions], dtype=np.float64),
        upper=np.array([c.upper for _, c in conditions], dtype=np.float64),
        missing=np.array([c.missing for _, c in conditions], dtype=np.bool_),
        cover=np.array([c.cover for _, c in conditions], dtype=np.float64),
    )
    return leaves, float(np.ravel(model._baseline_prediction)[0])


def _walk(nodes: Any, index: int, path: _Path, found: list[tuple[float, _Path]]) -> None:
    """Depth first, left before right. A row goes left if its value is at most the threshold."""
    node = nodes[index]
    if node["is_leaf"]:
        found.append((float(node["value"]), path))
        return
    feature, threshold = int(node["feature_idx"]), float(node["num_threshold"])
    for side in ("left", "right"):
        child = int(node[side])
        seen = path.get(feature, _Condition())
        goes_along = bool(node["missing_go_to_left"]) == (side == "left")
        merged = replace(
            seen,
            missing=seen.missing and goes_along,
            cover=seen.cover * (int(nodes[child]["count"]) / int(node["count"])),
        )
        if side == "left":
            merged = replace(merged, upper=min(seen.upper, threshold))
        else:
            merged = replace(merged, lower=threshold if math.isnan(seen.lower) else max(seen.lower, threshold))
        _walk(nodes, child, {**path, feature: merged}, found)
