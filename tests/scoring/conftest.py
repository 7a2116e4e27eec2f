"""A model over the real features, trained on invented leads, and the scorers over it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from features.definitions import LEAD_SCORING
from ingestion.database import metadata, open_database
from registry.bundle import Bundle
from scoring import policy
from scoring.ledger import Ledger
from scoring.scorer import Scorer
from tests.scoring.bundles import write_bundle

READING_MAX_AGE = timedelta(days=90)


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's files."""
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder, LEAD_SCORING)
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
