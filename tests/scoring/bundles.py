"""A small model over a feature set, trained on invented leads, as its serving bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from features.feature_set import FeatureSet
from registry.bundle import AgreedMinimum, Manifest, Reference, save
from registry.calibrator import Sigmoid
from registry.export import leaves_of


def write_bundle(folder: Path, features: FeatureSet) -> None:
    """The bundle's files."""
    generator = np.random.default_rng(5)
    width = len(features.names)
    values = generator.gamma(1.0, 3.0, (3000, width)).round()
    values[generator.random(values.shape) < 0.1] = np.nan
    known = np.nan_to_num(values)
    labels = known[:, 0] + known[:, 1] - known[:, 2] + generator.normal(0, 2, len(values)) > 4
    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, early_stopping=False, random_state=0)
    leaves, baseline = leaves_of(model.fit(values, labels))
    reference = {
        name: Reference(null_rate=0.1, minimum=0.0, p01=0.0, p50=2.0, p99=12.0, maximum=40.0) for name in features.names
    }
    manifest = Manifest(
        model="lead_scoring",
        feature_service=features.service,
        feature_hash=features.hash,
        feature_names=features.names,
        baseline_margin=baseline,
        calibrator=Sigmoid(slope=1.0, intercept=0.0),
        reference=reference,
        training_rows=len(values),
        data_digest="da7a",
        sklearn_version="1.9.1",
        metrics={},
        agreed_minimum=AgreedMinimum(version="1", auroc=0.7, ece=0.08, champion_auroc_slack=0.0),
    )
    save(folder, manifest, leaves)
