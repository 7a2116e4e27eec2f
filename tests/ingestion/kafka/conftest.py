"""A topic of its own for each test."""

from __future__ import annotations

import itertools

import pytest

_numbers = itertools.count(1)


@pytest.fixture
def topic() -> str:
    return f"tested-{next(_numbers)}"
