"""From a training frame to a registered, judged model version: gate, train, evaluate, log, promote."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from quality.verdict import Verdict
from registry import gate
from registry.agreed_minimum import agreed_minimum
from registry.bundle import AgreedMinimum, Bundle
from registry.champion import MODEL_NAME, current
from registry.evaluate import Evaluation, auroc, evaluate
from registry.frame import TrainingFrame
from registry.mlflow_log import Training, conclude, log_training
from registry.plots import write_plots
from registry.promote import Incumbent, judge
from registry.split import Split, split_by_time
from registry.train import Parameters, Trained, bundle_of, predict, serve, train

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How to train: everything but the data."""

    feature_service: str
    feature_hash: str
    model_name: str = MODEL_NAME
    parameters: Parameters = field(default_factory=Parameters)
    minimum: AgreedMinimum = field(default_factory=agreed_minimum)
    embargo: timedelta = timedelta(0)


@dataclass(frozen=True)
class TrainingReport:
    """What a training came to. All figures are of the hold-out, the newest part of the rows."""

    model_name: str
    version: str
    run_id: str
    bundle_digest: str
    data_digest: str
    promoted: bool
    why: str
    rows: int
    won: int
    rows_fit: int
    rows_calibration: int
    rows_holdout: int
    calibration: str
    auroc_holdout: float
    ece_holdout: float
    baseline_auroc_holdout: float
    metrics: dict[str, float]
    verdict: Verdict


def train_and_register(
    frame: TrainingFrame, plan: Plan, *, tracking_uri: str, cache_dir: Path, now: datetime, progress: Progress
) -> TrainingReport:
    """Train on `frame` and register the model; it becomes champion only if it has earned it.

    Raises:
        TrainingStopped: the gate refused the frame, or a part of it has one kind of outcome only.
        NotExportable: the bundle is not exactly the model.
        RegistryUnavailable: MLflow does not answer.
    """
    progress(f"examining {frame.rows:,} snapshots of {len(frame.feature_names)} features")
    verdict = gate.examine(frame, now)
    gate.require(verdict)
    split = split_by_time(frame, embargo=plan.embargo)
    progress(f"training on {split.fit.rows:,}, calibrating on {split.calibration.rows:,} snapshots")
    trained = train(split, plan.parameters)
    progress(f"evaluating on the newest {split.holdout.rows:,} snapshots")
    with tempfile.TemporaryDirectory() as folder:
        bundle, model, baseline = _evaluate(split, trained, plan, frame.digest(), Path(folder))
        progress("registering the model and its serving bundle")
        metrics = {
            **{f"{name}_holdout": value for name, value in model.metrics().items()},
            **{f"baseline_{name}_holdout": value for name, value in baseline.metrics().items()},
        }
        logged = log_training(
            tracking_uri,
            Training(
                model_name=plan.model_name,
                model=trained.model,
                bundle=bundle,
                bundle_folder=Path(folder, "bundle"),
                plots_folder=Path(folder, "plots"),
                parameters=_parameters(plan, split, trained),
                metrics=metrics,
            ),
        )
    promotion = judge(model, baseline, plan.minimum, _incumbent(split.holdout, plan, tracking_uri, cache_dir))
    conclude(tracking_uri, plan.model_name, logged.version, promoted=promotion.promoted, why=promotion.why)
    progress(f"version {logged.version} {promotion.why}")
    return TrainingReport(
        model_name=plan.model_name,
        version=logged.version,
        run_id=logged.run_id,
        bundle_digest=bundle.digest,
        data_digest=bundle.manifest.data_digest,
        promoted=promotion.promoted,
        why=promotion.why,
        rows=frame.rows,
        won=int(frame.labels.sum()),
        rows_fit=split.fit.rows,
        rows_calibration=split.calibration.rows,
        rows_holdout=split.holdout.rows,
        calibration=trained.calibration,
        auroc_holdout=model.auroc,
        ece_holdout=model.ece,
        baseline_auroc_holdout=baseline.auroc,
        metrics=metrics,
        verdict=verdict,
    )


def _evaluate(
    split: Split, trained: Trained, plan: Plan, data_digest: str, folder: Path
) -> tuple[Bundle, Evaluation, Evaluation]:
    """Judge model and baseline on the hold-out; write the bundle and the plots into `folder`."""
    probabilities, others = predict(trained.model, split.holdout), predict(trained.baseline, split.holdout)
    model, baseline = evaluate(split.holdout.labels, probabilities), evaluate(split.holdout.labels, others)
    bundle = bundle_of(
        trained,
        split,
        folder / "bundle",
        model_name=plan.model_name,
        service=plan.feature_service,
        feature_hash=plan.feature_hash,
        data_digest=data_digest,
        metrics=model.metrics(),
        minimum=plan.minimum,
    )
    write_plots(folder / "plots", bundle, split.holdout, (model, probabilities), (baseline, others))
    return bundle, model, baseline


def _incumbent(holdout: TrainingFrame, plan: Plan, tracking_uri: str, cache_dir: Path) -> Incumbent | None:
    """The champion in office, judged on the same rows if it knows the same features."""
    champion = current(tracking_uri, cache_dir, plan.model_name)
    if champion is None:
        return None
    if champion.feature_hash != plan.feature_hash:
        return Incumbent(champion.version, None)
    return Incumbent(champion.version, auroc(holdout.labels, serve(champion, holdout)))


def _parameters(plan: Plan, split: Split, trained: Trained) -> dict[str, Any]:
    return {
        **asdict(plan.parameters),
        "calibration": trained.calibration,
        "embargo_days": plan.embargo.days,
        "features": len(split.fit.feature_names),
        "rows_fit": split.fit.rows,
        "rows_calibration": split.calibration.rows,
        "rows_holdout": split.holdout.rows,
        "holdout_from": str(split.holdout.snapshot_at[0]),
        "agreed_minimum": plan.minimum.version,
    }
