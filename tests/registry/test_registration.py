"""The way from a frame to the champion that the scorer loads, on a real MLflow."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry.agreed_minimum import agreed_minimum
from registry.bundle import LEAVES_FILE
from registry.champion import current, registered
from registry.errors import BundleError, BundleTampered, RegistryUnavailable, TrainingStopped
from registry.frame import TrainingFrame
from registry.mlflow_client import open_client, quietly
from registry.pipeline import Plan, TrainingReport, train_and_register
from registry.train import Parameters, serve

Make = Callable[..., TrainingFrame]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
PLAN = Plan(feature_service="lead_scoring_v1", feature_hash="f00d", parameters=Parameters(max_iter=40))


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, to be copied: the migration takes seconds."""
    file = tmp_path_factory.mktemp("registry") / "mlflow.db"
    open_client(f"sqlite:///{file}")
    return file


@pytest.fixture
def uri(empty_registry: Path, tmp_path: Path) -> str:
    """An empty registry of the test's own."""
    (tmp_path / "mlflow.db").write_bytes(empty_registry.read_bytes())
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def register(frame: TrainingFrame, uri: str, cache: Path, plan: Plan = PLAN) -> TrainingReport:
    return train_and_register(frame, plan, tracking_uri=uri, cache_dir=cache, now=NOW, progress=lambda message: None)


def test_a_trained_model_becomes_champion_and_serves_exactly_what_was_registered(
    make_frame: Make, uri: str, tmp_path: Path
) -> None:
    frame = make_frame()
    report = register(frame, uri, tmp_path / "cache")
    assert report.promoted, report.why
    assert report.auroc_holdout > report.baseline_auroc_holdout
    assert report.rows_fit + report.rows_calibration + report.rows_holdout == frame.rows

    champion = current(uri, tmp_path / "cache")
    assert champion is not None
    assert (champion.version, champion.digest) == (report.version, report.bundle_digest)
    assert champion.feature_names == frame.feature_names
    assert champion.manifest.data_digest == frame.digest()
    assert champion.reference["f0"].null_rate == pytest.approx(0.1, abs=0.02)

    location = open_client(uri).get_model_version("lead_scoring", report.version).source
    with quietly():
        import mlflow.sklearn

        model = mlflow.sklearn.load_model(location)
    assert np.abs(serve(champion, frame) - model.predict_proba(frame.values)[:, 1]).max() < 1e-9


def test_the_run_holds_the_evidence(make_frame: Make, uri: str, tmp_path: Path) -> None:
    report = register(make_frame(), uri, tmp_path / "cache")
    client = open_client(uri)
    run = client.get_run(report.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["feature_hash"] == "f00d"
    assert run.data.tags["data_digest"] == report.data_digest
    assert run.data.params["max_iter"] == "40"
    wanted = {"auroc", "pr_auc", "precision_top_5", "recall_top_10", "lift_top_20", "brier", "ece"}
    assert {f"{name}_holdout" for name in wanted} <= set(run.data.metrics)
    plots = {Path(file.path).name for file in client.list_artifacts(report.run_id, "plots")}
    assert plots == {"calibration.png", "lift.png", "decision_curve.png", "shap_summary.png"}
    version = client.get_model_version("lead_scoring", report.version)
    assert version.tags["promotion"] == report.why
    assert version.tags["bundle_digest"] == report.bundle_digest


def test_the_same_data_gives_the_same_bundle(make_frame: Make, uri: str, tmp_path: Path) -> None:
    first, second = (register(make_frame(), uri, tmp_path / "cache") for _ in range(2))
    assert first.version != second.version
    assert first.bundle_digest == second.bundle_digest


def test_a_model_without_merit_is_registered_but_the_champion_stays(make_frame: Make, uri: str, tmp_path: Path) -> None:
    champion = register(make_frame(), uri, tmp_path / "cache")
    noise = register(make_frame(base_rate=0.2), uri, tmp_path / "cache")
    assert not noise.promoted
    assert "below the agreed 0.70" in noise.why
    assert open_client(uri).get_model_version("lead_scoring", noise.version).tags["promotion"] == noise.why
    served = current(uri, tmp_path / "cache")
    assert served is not None
    assert served.version == champion.version


def test_a_worse_model_does_not_replace_the_champion(make_frame: Make, uri: str, tmp_path: Path) -> None:
    champion = register(make_frame(), uri, tmp_path / "cache")
    lenient = replace(PLAN, minimum=replace_minimum(auroc=0.5), parameters=Parameters(max_iter=1, max_leaf_nodes=2))
    worse = register(make_frame(), uri, tmp_path / "cache", lenient)
    assert not worse.promoted
    assert f"worse than champion version {champion.version}" in worse.why


def test_a_leaking_frame_registers_nothing(make_frame: Make, uri: str, tmp_path: Path) -> None:
    frame = make_frame()
    late = {**frame.known_at, "f1": frame.snapshot_at + np.timedelta64(1, "m")}
    with pytest.raises(TrainingStopped, match="f1: does not tell the outcome"):
        register(replace(frame, known_at=late), uri, tmp_path / "cache")
    assert open_client(uri).search_registered_models() == []


def test_the_last_good_bundle_is_served_while_the_registry_is_down(
    make_frame: Make, uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = register(make_frame(), uri, tmp_path / "cache")
    assert current(uri, tmp_path / "cache") is not None
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is not a database" * 100)
    for down in ("http://127.0.0.1:9", f"sqlite:///{damaged}", f"sqlite:///{tmp_path / 'lost.db'}"):
        caplog.clear()
        served = current(down, tmp_path / "cache")
        assert served is not None
        assert served.digest == report.bundle_digest
        assert "did not answer" in caplog.text or "lost.db" in down


def test_a_bundle_that_was_changed_in_the_registry_is_refused_and_the_last_good_one_stays(
    make_frame: Make, uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = register(make_frame(), uri, tmp_path / "cache")
    assert current(uri, tmp_path / "cache") is not None
    better = register(make_frame(seed=4), uri, tmp_path / "cache", replace(PLAN, feature_hash="beef"))
    assert better.promoted
    (leaves,) = tmp_path.glob(f"mlflow-artifacts/{better.run_id}/**/{LEAVES_FILE}")
    content = bytearray(leaves.read_bytes())
    content[len(content) // 2] ^= 1
    leaves.write_bytes(bytes(content))
    served = current(uri, tmp_path / "cache")
    assert served is not None
    assert served.version == good.version
    assert "bytes were changed" in caplog.text
    with pytest.raises(BundleTampered, match="bytes were changed"):
        current(uri, tmp_path / "other-cache")


def test_a_registry_that_is_down_from_the_start_is_not_mistaken_for_one_without_a_champion(tmp_path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match="did not answer"):
        current("http://127.0.0.1:9", tmp_path / "cache")


def test_an_old_version_can_still_be_loaded_to_verify_what_it_scored(
    make_frame: Make, uri: str, tmp_path: Path
) -> None:
    old = register(make_frame(), uri, tmp_path / "cache")
    new = register(make_frame(seed=4), uri, tmp_path / "cache", replace(PLAN, feature_hash="beef"))
    assert new.promoted
    assert registered(uri, tmp_path / "fresh", old.version, old.bundle_digest).digest == old.bundle_digest
    with pytest.raises(BundleTampered, match=old.bundle_digest):
        registered(uri, tmp_path / "other", new.version, old.bundle_digest)
    with pytest.raises(BundleError, match="no version 99"):
        registered(uri, tmp_path / "fresh", "99", new.bundle_digest)


def test_a_damaged_cache_is_loaded_anew(make_frame: Make, uri: str, tmp_path: Path) -> None:
    report = register(make_frame(), uri, tmp_path / "cache")
    assert current(uri, tmp_path / "cache") is not None
    (tmp_path / "cache" / report.bundle_digest / LEAVES_FILE).write_bytes(b"")
    served = current(uri, tmp_path / "cache")
    assert served is not None
    assert served.digest == report.bundle_digest


def test_before_the_first_training_there_is_no_champion_and_no_database_is_made(tmp_path: Path) -> None:
    assert current(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "cache") is None
    assert list(tmp_path.iterdir()) == []


def test_a_registry_without_the_model_has_no_champion(uri: str, tmp_path: Path) -> None:
    assert current(uri, tmp_path / "cache") is None


def test_a_model_without_the_alias_has_no_champion(make_frame: Make, uri: str, tmp_path: Path) -> None:
    assert not register(make_frame(base_rate=0.2), uri, tmp_path / "cache").promoted
    assert current(uri, tmp_path / "cache") is None


def test_loading_the_champion_imports_neither_scikit_learn_nor_mlflows_server(
    make_frame: Make, uri: str, tmp_path: Path
) -> None:
    register(make_frame(), uri, tmp_path / "cache")
    program = (
        "import sys; from pathlib import Path; from registry.champion import current, registered; "
        f"assert current({uri!r}, Path({str(tmp_path / 'fresh')!r})) is not None; "
        "heavy = {'sklearn', 'mlflow.server', 'shap', 'matplotlib', 'great_expectations'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture(scope="module")
def mlflow_server(empty_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server that keeps its artefacts to itself."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(empty_registry.read_bytes())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, env=environment, start_new_session=True
        )
    try:
        uri = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while not healthy(uri):
            assert process.poll() is None, (folder / "output.log").read_text()
            assert time.monotonic() < deadline, (folder / "output.log").read_text()
            time.sleep(0.1)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def healthy(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_server_over_http_registers_and_serves_the_same_bundle(
    make_frame: Make, mlflow_server: str, tmp_path: Path
) -> None:
    assert current(mlflow_server, tmp_path / "cache") is None
    report = register(make_frame(), mlflow_server, tmp_path / "cache")
    assert report.promoted, report.why
    champion = current(mlflow_server, tmp_path / "cache")
    assert champion is not None
    assert (champion.version, champion.digest) == (report.version, report.bundle_digest)
    assert not (tmp_path / "mlflow-artifacts").exists()


def replace_minimum(**changes: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(agreed_minimum(), **changes)
