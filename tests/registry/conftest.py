"""Synthetic leads with a known way to winning, missing values included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from registry.bundle import AgreedMinimum, Bundle, Manifest, save
from registry.calibrator import Sigmoid
from registry.export import leaves_of
from registry.frame import TrainingFrame

Matrix = NDArray[np.float64]


@pytest.fixture(scope="session")
def people() -> tuple[Matrix, NDArray[np.bool_]]:
    """2,000 rows of ten features in the shape of counts and ages, a sixth missing."""
    generator = np.random.default_rng(11)
    values = generator.gamma(1.0, 2.0, (2000, 10)).round(1)
    values[generator.random(values.shape) < 1 / 6] = np.nan
    known = np.nan_to_num(values)
    score = known[:, 0] - known[:, 1] / 2 + known[:, 2] * known[:, 3] / 3 + generator.normal(0, 2, len(values))
    return values, score > 4


@pytest.fixture(scope="session")
def model(people: tuple[Matrix, NDArray[np.bool_]]) -> Any:
    """Trees without a depth limit, so that features repeat on a path and leaves have many conditions."""
    values, labels = people
    return HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, min_samples_leaf=20, early_stopping=False, random_state=0
    ).fit(values, labels)


@pytest.fixture(scope="session")
def manifest(model: Any) -> Manifest:
    """The manifest of `model`, with a sigmoid that changes nothing."""
    _, baseline = leaves_of(model)
    return Manifest(
        model="lead_scoring",
        feature_service="lead_scoring_v1",
        feature_hash="f00d",
        feature_names=tuple(f"f{index}" for index in range(10)),
        baseline_margin=baseline,
        calibrator=Sigmoid(slope=1.0, intercept=0.0),
        reference={},
        training_rows=2000,
        data_digest="da7a",
        sklearn_version="1.9.1",
        metrics={"auroc": 0.8},
        agreed_minimum=AgreedMinimum(version="1", auroc=0.7, ece=0.08, champion_auroc_slack=0.0),
    )


@pytest.fixture
def saved(model: Any, manifest: Manifest, tmp_path: Path) -> Callable[..., Path]:
    """Writes the bundle of `model` with changed manifest fields; gives its folder."""

    def write(**changes: Any) -> Path:
        import msgspec

        folder = tmp_path / "bundle"
        save(folder, msgspec.structs.replace(manifest, **changes), leaves_of(model)[0])
        return folder

    return write


@pytest.fixture(scope="session")
def bundle(model: Any, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The loaded bundle of `model`."""
    folder = tmp_path_factory.mktemp("bundle")
    save(folder, manifest, leaves_of(model)[0])
    return Bundle.load(folder, version="1")


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., TrainingFrame]:
    """Frames of leads that win by their first four features, two of them together, with noise."""

    def make(*, rows: int = 4000, days: int = 200, seed: int = 3, base_rate: float | None = None) -> TrainingFrame:
        generator = np.random.default_rng(seed)
        values = generator.gamma(1.0, 2.0, (rows, 8)).round(1)
        values[generator.random(values.shape) < 0.1] = np.nan
        known = np.nan_to_num(values)
        score = known[:, 0] - known[:, 1] / 2 + known[:, 2] * (known[:, 3] > 2) + generator.normal(0, 3, rows)
        labels = score > 6 if base_rate is None else generator.random(rows) < base_rate
        day = np.sort(generator.integers(0, days, rows))
        snapshot_at = np.datetime64("2026-01-01", "us") + day * np.timedelta64(1, "D")
        names = tuple(f"f{index}" for index in range(8))
        return TrainingFrame(
            feature_names=names,
            values=values,
            labels=labels,
            leads=np.array([f"ld_{index % max(rows // 3, 1)}" for index in range(rows)], dtype=np.str_),
            snapshot_at=snapshot_at,
            known_at=dict.fromkeys(names, snapshot_at - np.timedelta64(1, "h")),
        )

    return make
