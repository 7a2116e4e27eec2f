"""Write one training into MLflow: the run, the model, the bundle, the registered version with its tags.

The bundle is logged beside the scikit-learn model, which is only ever loaded by training jobs and people.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.bundle import Bundle
from registry.champion import ALIAS, BUNDLE_FOLDER, DIGEST_TAG
from registry.mlflow_client import answering, open_client, quietly, sqlite_file

# What skops may build when it reads the model back; everything else in the file is refused.
TRUSTED_TYPES = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
PROMOTION_TAG = "promotion"


@dataclass(frozen=True)
class Logged:
    """Where a training is found in MLflow."""

    run_id: str
    version: str


@dataclass(frozen=True)
class Training:
    """What is logged of one training."""

    model_name: str
    model: Any  # the fitted scikit-learn classifier
    bundle: Bundle
    bundle_folder: Path
    plots_folder: Path
    parameters: dict[str, Any]
    metrics: dict[str, float]


def log_training(tracking_uri: str, training: Training) -> Logged:
    """Log and register; the version has no alias yet.

    Raises:
        RegistryUnavailable: MLflow does not answer; nothing was promoted.
    """
    from mlflow.entities import Metric, Param
    from mlflow.utils.time import get_current_time_millis

    with answering(tracking_uri):
        client = open_client(tracking_uri)
        experiment = _experiment(client, tracking_uri, training.model_name)
        run = client.create_run(experiment, run_name=training.model_name, tags=_tags(training.bundle))
        run_id = str(run.info.run_id)
        try:
            now = get_current_time_millis()
            client.log_batch(
                run_id,
                metrics=[Metric(name, value, now, 0) for name, value in training.metrics.items()],
                params=[Param(name, str(value)) for name, value in training.parameters.items()],
            )
            client.log_artifacts(run_id, str(training.bundle_folder), BUNDLE_FOLDER)
            client.log_artifacts(run_id, str(training.plots_folder), "plots")
            model = _log_model(client, experiment, run_id, training)
            version = _register(client, run_id, model, training)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED")
    return Logged(run_id, version)


def conclude(tracking_uri: str, model_name: str, version: str, *, promoted: bool, why: str) -> None:
    """Write the promotion's judgement on the version, and give it the alias if it was promoted."""
    with answering(tracking_uri):
        client = open_client(tracking_uri)
        client.set_model_version_tag(model_name, version, PROMOTION_TAG, why)
        if promoted:
            client.set_registered_model_alias(model_name, ALIAS, version)


def _experiment(client: Any, tracking_uri: str, name: str) -> str:
    """The experiment's id. On SQLite its artefacts lie beside the database, not in the working directory."""
    from mlflow.exceptions import MlflowException

    file = sqlite_file(tracking_uri)
    location = (file.absolute().parent / "mlflow-artifacts").as_uri() if file else None
    if (found := client.get_experiment_by_name(name)) is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    return str(found.experiment_id)


def _log_model(client: Any, experiment: str, run_id: str, training: Training) -> Any:
    """The scikit-learn model as a `LoggedModel`: skops, scoring with `predict_proba`, its requirements named."""
    from importlib.metadata import version

    import numpy as np

    with quietly():
        import mlflow.sklearn
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    columns = len(training.bundle.feature_names)
    logged = client.create_logged_model(experiment, name=training.model_name, source_run_id=run_id)
    with tempfile.TemporaryDirectory() as folder, quietly():
        mlflow.sklearn.save_model(
            training.model,
            str(Path(folder, "model")),
            mlflow_model=Model(run_id=run_id, model_id=logged.model_id),
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED_TYPES),
            pyfunc_predict_fn="predict_proba",
            signature=ModelSignature(
                inputs=Schema([TensorSpec(np.dtype("float64"), (-1, columns))]),
                outputs=Schema([TensorSpec(np.dtype("float64"), (-1, 2))]),
            ),
            pip_requirements=[f"{name}=={version(name)}" for name in ("scikit-learn", "skops")],
        )
        client.log_model_artifacts(logged.model_id, str(Path(folder, "model")))
    client.finalize_logged_model(logged.model_id, "READY")
    return logged


def _register(client: Any, run_id: str, model: Any, training: Training) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(training.model_name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    created = client.create_model_version(
        training.model_name,
        source=model.artifact_location,  # a `models:/` URI would be looked up in MLflow's global tracking URI
        run_id=run_id,
        model_id=model.model_id,
        tags=_tags(training.bundle) | {"auroc_holdout": f"{training.bundle.manifest.metrics['auroc']:.4f}"},
    )
    return str(created.version)


def _tags(bundle: Bundle) -> dict[str, str]:
    return {
        DIGEST_TAG: bundle.digest,
        "data_digest": bundle.manifest.data_digest,
        "feature_service": bundle.feature_service,
        "feature_hash": bundle.feature_hash,
        "agreed_minimum": bundle.agreed_minimum.version,
    }
