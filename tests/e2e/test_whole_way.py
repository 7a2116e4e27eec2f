"""The whole way on real Kafka: a company's year in, verified decisions out, every invariant held."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

SECONDS = 900


def _demo(home: Path, leads: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run `leadline demo` as a user does; its report. Fails with its output if it did not exit with 0."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LEADLINE_", "KAFKA_"))}
    done = subprocess.run(
        [sys.executable, "-m", "leadline", "demo", "--leads", str(leads)],
        env={**inherited, "LEADLINE_HOME": str(home), "COLUMNS": "160", **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    assert "every invariant held" in done.stdout
    report: dict[str, Any] = json.loads((home / "demo" / "report.json").read_text())
    return report


def _require_invariants(report: Mapping[str, Any]) -> None:
    accounted = report["canonical"] + report["quarantined"] + report["duplicates_dropped"]
    assert report["events_published"] == report["raw_accepted"] == accounted
    assert report["fates_wrong"] == report["identity_pairs_wrong"] == 0
    assert report["identity_people_found"] == report["identity_people_expected"]
    assert report["online_offline_rows_compared"] >= 1_000
    assert report["online_offline_mismatches"] == report["batch_recompute_mismatches"] == 0
    assert report["decisions_verified"] == report["decisions"] >= 1_000
    assert report["model_auroc_holdout"] > report["baseline_auroc_holdout"]


@pytest.mark.timeout(SECONDS)
def test_whole_way_on_kafka_and_embedded_stores(tmp_path: Path, kafka: str) -> None:
    """`kafka` only says that Java is there; the demo starts a broker of its own."""
    report = _demo(tmp_path, 2000, {})
    _require_invariants(report)
    assert report["broker"]["kind"] == "apache-kafka"


@pytest.mark.timeout(SECONDS)
def test_whole_way_on_kafka_redis_and_postgres(
    tmp_path: Path, empty_kafka: str, redis_address: str, postgres_url: str
) -> None:
    stores = {
        "KAFKA_BOOTSTRAP_SERVERS": empty_kafka,
        "LEADLINE_DATABASE_URL": postgres_url,
        "LEADLINE_ONLINE_STORE": f"{redis_address},db=0",
    }
    report = _demo(tmp_path, 2000, stores)
    _require_invariants(report)
    assert report["broker"]["kind"] == "external"
