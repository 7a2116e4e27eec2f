"""The migrated schema is the one that the stages declare, on both databases."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ingestion.database import metadata, open_database
from leadline.migrations import upgrade

DECLARING = (
    "ingestion.allowance",
    "ingestion.duplicates",
    "ingestion.hydration.table",
    "ingestion.identity.tables",
    "ingestion.privacy",
    "ingestion.refused",
    "scoring.enrichment.cache",
    "scoring.ledger",
)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/leadline.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


def test_migrations_give_exactly_the_declared_schema(database_url: str) -> None:
    for module in DECLARING:
        importlib.import_module(module)
    engine = open_database(database_url)
    upgrade(engine)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert [difference for difference in differences if "alembic_version" not in str(difference)] == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    engine = open_database(database_url)
    upgrade(engine)
    upgrade(engine)
    engine.dispose()
