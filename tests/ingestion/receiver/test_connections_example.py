"""`deploy/connections.example.toml` is what a newcomer begins with: it loads, and so does every table in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ingestion.receiver.connections import load_connections
from ingestion.receiver.senders import SENDERS
from tests.ingestion.receiver.keys import keys

EXAMPLE = Path(__file__).parents[3] / "deploy" / "connections.example.toml"


def test_the_example_loads_as_it_stands_and_connects_nobody() -> None:
    assert load_connections(EXAMPLE, {}) == {}


@pytest.fixture
def unfolded(tmp_path: Path) -> Path:
    """The example with every table in force."""
    path = tmp_path / "connections.toml"
    path.write_text(re.sub(r"^#(?=[\[a-z])", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    return path


def test_every_sender_has_a_table_that_loads(unfolded: Path) -> None:
    environment = {"META_VERIFY_TOKEN": "verify-me"}
    for table in tomllib.loads(unfolded.read_text()).values():
        for reference in table.get("secrets", []):
            environment[reference.removeprefix("env:")] = keys(table["sender"])[1][0].decode()
    found = load_connections(unfolded, environment)
    assert sorted(one.kind for one in found.values()) == sorted(SENDERS)
    assert all(one.account != "default" for one in found.values())
