"""The scorer's process imports no trainer, no quality engine and no server of somebody else's."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FORBIDDEN = {"great_expectations", "pyspark", "mlflow.server", "sklearn", "shap", "matplotlib", "splink"}


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Every module that a process holds after `import scoring.app`."""
    program = "import json, sys, scoring.app; json.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=120)
    return set(json.loads(done.stdout))


def test_the_scorer_s_modules_were_looked_at(imported: set[str]) -> None:
    assert {"scoring.scorer", "features.store", "feast"} <= imported


@pytest.mark.parametrize("forbidden", sorted(FORBIDDEN))
def test_the_scorer_does_not_import(forbidden: str, imported: set[str]) -> None:
    found = {name for name in imported if name == forbidden or name.startswith(f"{forbidden}.")}
    assert not found
