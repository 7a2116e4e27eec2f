"""One default year, generated once for all tests here."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from leadline.company import Company, generate

END = datetime(2025, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def end() -> datetime:
    return END


@pytest.fixture(scope="session")
def company() -> Company:
    """The default demo company."""
    return generate(end=END)


@pytest.fixture(scope="session")
def small() -> Company:
    return generate(seed=3, leads=150, end=END)
