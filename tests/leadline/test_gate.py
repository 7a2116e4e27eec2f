"""`leadline features gate`: a snapshot beside what the champion was trained on, as a table, a page, an exit status."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console

from features.app import snapshot_gate
from features.definitions import LEAD_SCORING
from ingestion.contracts.raw import ALERTS_TOPIC
from ingestion.kafka import DurableProducer, create_topics
from ingestion.settings import PlatformSettings
from leadline.errors import NotSetUp
from leadline.gate import show_alerts, show_gate, trained_by
from quality.drift import Values, distribution_of
from quality.verdict import Action, Finding, Verdict
from registry.app import model_cache
from registry.bundle import AgreedMinimum, Manifest, Reference, save
from registry.calibrator import Sigmoid
from registry.champion import LAST_GOOD_FILE, Named
from registry.leaves import Leaves
from tests.features.conftest import event_of, page
from tests.features.members import Log, Member
from tests.features.platforms import applied, settings_of

CROWD = 600


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> PlatformSettings:
    """A platform on which each of many people has just viewed some pages."""
    settings, log, now = applied(tmp_path_factory.mktemp("platform")), Log(), datetime.now(UTC)
    views = [(number, view) for number in range(CROWD) for view in range(1 + number % 4)]
    log.publish(
        msgspec.structs.replace(
            event_of(page(), at=now - timedelta(hours=number % 90), lead=f"ld_{number:03}", offset=number * 4 + view),
            receivedtime=now,
        )
        for number, view in views
    )
    Member(settings, log).drain()
    return settings


def train(settings: PlatformSettings, feature_hash: str = LEAD_SCORING.hash, **moved: float) -> None:
    """A champion that was trained on the leads as they are, but for features that were as much more."""
    columns = snapshot_gate(settings).judge().columns
    bundle = model_cache(settings) / "bundle"
    manifest = Manifest(
        model="lead_scoring",
        feature_service=LEAD_SCORING.service,
        feature_hash=feature_hash,
        feature_names=LEAD_SCORING.names,
        baseline_margin=0.0,
        calibrator=Sigmoid(slope=1.0, intercept=0.0),
        reference={name: _reference(values + moved.get(name, 0.0)) for name, values in columns.items()},
        training_rows=CROWD,
        data_digest="da7a",
        sklearn_version="1.9.1",
        metrics={},
        agreed_minimum=AgreedMinimum(version="1", auroc=0.7, ece=0.08, champion_auroc_slack=0.0),
    )
    none = np.array([])
    leaves = Leaves(
        value=np.zeros(1),
        start=np.zeros(2, dtype=np.int64),
        feature=none.astype(np.int32),
        lower=none,
        upper=none,
        missing=none.astype(np.bool_),
        cover=none,
    )
    digest = save(bundle, manifest, leaves).digest
    bundle.rename(model_cache(settings) / digest)
    (model_cache(settings) / LAST_GOOD_FILE).write_bytes(msgspec.json.encode(Named("7", digest, "run")))


def _reference(values: Values) -> Reference:
    return Reference(
        null_rate=0.0, minimum=None, p01=None, p50=None, p99=None, maximum=None, distribution=distribution_of(values)
    )


def shown(settings: PlatformSettings, html: Path | None = None) -> tuple[int, str]:
    """The exit status, and what a person sees."""
    out = io.StringIO()
    status = show_gate(settings, html, Console(file=out, width=160))
    return status, out.getvalue()


def test_leads_that_are_as_the_champion_knew_them_end_with_status_0(platform: PlatformSettings) -> None:
    train(platform)
    status, text = shown(platform)
    assert status == 0, text
    assert "leads against the training of model version 7" in text
    assert all(name in text for name in LEAD_SCORING.names)


def test_a_feature_that_moved_is_named_first_and_ends_with_status_1(platform: PlatformSettings, tmp_path: Path) -> None:
    train(platform, page_views_7d=5.0)
    html = tmp_path / "gate.html"
    status, text = shown(platform, html)
    assert status == 1
    assert "psi: between -∞ and 0.25: 1 of 46 rows: page_views_7d" in text
    drawn = html.read_text()
    assert "1 of 46 features have drifted" in drawn
    assert drawn.count('<article class="wrong">') == 1
    assert drawn.index("<h3>page_views_7d") < drawn.index("<h3>tickets_30d")
    assert all(f"<h3>{name}</h3>" in drawn for name in LEAD_SCORING.names)
    assert not any(word in drawn for word in ("http", "<script", "ld_0"))


def test_a_champion_of_other_features_is_no_reference(platform: PlatformSettings) -> None:
    train(platform, feature_hash="another")
    assert trained_by(platform)(LEAD_SCORING) is None


def test_without_leads_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="leadline up"):
        show_gate(applied(tmp_path), None, Console(quiet=True))


def test_what_gates_of_features_found_before_is_shown_from_the_topic(empty_kafka: str, tmp_path: Path) -> None:
    create_topics(empty_kafka, {ALERTS_TOPIC: 1})
    producer = DurableProducer(empty_kafka)
    for stage, suite in (("ingestion", "rows@1"), ("features", "feature_drift@1")):
        found = Finding(expectation="psi: between", column="psi", action=Action.WARN, observed="seniority")
        told = Verdict(suite=suite, stage=stage, at=datetime.now(UTC), rows=9, action=Action.WARN, findings=(found,))
        producer.send(ALERTS_TOPIC, key=suite, value=msgspec.json.encode(told))
    producer.flush()
    producer.close()
    out = io.StringIO()
    show_alerts(settings_of(tmp_path, bootstrap=empty_kafka), Console(file=out, width=160))
    assert "feature_drift@1" in out.getvalue()
    assert "seniority" in out.getvalue()
    assert "rows@1" not in out.getvalue()
