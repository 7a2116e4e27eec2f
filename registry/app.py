"""The stage's one place that builds things: the training job."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from features.clock import from_micros
from features.lineage.jobs import materialising
from features.settings import feature_set
from ingestion.settings import PlatformSettings
from registry.labels import HORIZON
from registry.pipeline import Plan, Progress, TrainingReport, train_and_register
from registry.training_set import build_training_set


def model_cache(settings: PlatformSettings) -> Path:
    """Where this platform keeps verified bundles."""
    return settings.home / "models"


def run_training(settings: PlatformSettings, progress: Progress) -> TrainingReport:
    """Train on the lake's outcomes, register the model, promote it if it has earned it.

    `progress` is told each step in a sentence.

    Raises:
        TrainingStopped: the training set is too small, too young or leaks.
        RegistryUnavailable: MLflow does not answer.
    """
    with materialising(settings, "registry.training_set", "training_set", datetime.now(UTC)) as lineage:
        frame = build_training_set(settings, progress=progress)
        lineage.moment = from_micros(int(frame.snapshot_at.max().astype("int64")))
        lineage.made_of = lineage.version = frame.digest()
        lineage.rows = frame.rows
        features = feature_set(settings)
        plan = Plan(feature_service=features.service, feature_hash=features.hash, embargo=HORIZON)
        report = train_and_register(
            frame,
            plan,
            tracking_uri=settings.mlflow_tracking_uri,
            cache_dir=model_cache(settings),
            now=datetime.now(UTC),
            progress=progress,
        )
        lineage.verdict = report.verdict
    return report
