"""A model over the real features, trained on invented leads, and the scorers over it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sqlalchemy import Engine

from features.definitions import LEAD_SCORING
from ingestion.database import metadata, open_database
from registry.bundle import AgreedMinimum, Bundle, Manifest, Reference, save
from registry.calibrator import Sigmoid
from registry.export import leaves_of
from scoring import policy
from scoring.ledger import Ledger
from scoring.scorer import Scorer

READING_MAX_AGE = timedelta(days=90)


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's files."""
    generator = np.random.default_rng(5)
    width = len(LEAD_SCORING.names)
    values = generator.gamma(1.0, 3.0, (3000, width)).round()
    values[generator.random(values.shape) < 0.1] = np.nan
    known = np.nan_to_num(values)
    labels = known[:, 0] + known[:, 1] - known[:, 2] + generator.normal(0, 2, len(values)) > 4
    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, early_stopping=False, random_state=0)
    leaves, baseline = leaves_of(model.fit(values, labels))
    reference = {
        name: Reference(null_rate=0.1, minimum=0.0, p01=0.0, p50=2.0, p99=12.0, maximum=40.0)
        for name in LEAD_SCORING.names
    }
    manifest = Manifest(
        model="lead_scoring",
        feature_service=LEAD_SCORING.service,
        feature_hash=LEAD_SCORING.hash,
        feature_names=LEAD_SCORING.names,
        baseline_margin=baseline,
        calibrator=Sigmoid(slope=1.0, intercept=0.0),
        reference=reference,
        training_rows=len(values),
        data_digest="da7a",
        sklearn_version="1.9.1",
        metrics={},
        agreed_minimum=AgreedMinimum(version="1", auroc=0.7, ece=0.08, champion_auroc_slack=0.0),
    )
    folder = tmp_path_factory.mktemp("bundle")
    save(folder, manifest, leaves)
    return folder


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Bundle:
    """The loaded bundle, version 3."""
    return Bundle.load(bundle_folder, version="3")


@pytest.fixture(scope="session")
def scorer(bundle: Bundle) -> Scorer:
    """The bundle under the newest policy."""
    return Scorer(bundle, LEAD_SCORING, policy.load(), "demo", READING_MAX_AGE)


@pytest.fixture(scope="session")
def rules_scorer() -> Scorer:
    """The open rules under the newest policy."""
    return Scorer(None, LEAD_SCORING, policy.load(), "demo", READING_MAX_AGE)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An empty database with every table."""
    engine = open_database(f"sqlite:///{tmp_path}/scoring.db")
    metadata.create_all(engine)
    return engine


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    """An empty ledger."""
    return Ledger(engine)
