"""Fit the model, its calibrator and the baseline, and give the model its serving bundle.

The registered scikit-learn model and the bundle are the same function: `bundle_of` compares them before anything is
registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quality.drift import distribution_of
from registry.bundle import AgreedMinimum, Bundle, Manifest, Reference, save
from registry.calibrator import Calibrator, Isotonic, Sigmoid
from registry.errors import NotExportable
from registry.evaluate import Probabilities, auroc, log_loss
from registry.export import leaves_of
from registry.frame import TrainingFrame
from registry.split import Split

PARITY_ROWS = 500
ISOTONIC_BETTER_BY = 0.01  # of the log loss
ISOTONIC_ORDER_LOST = 0.002  # of AUROC, at most
MARGIN_TOLERANCE = 1e-12  # relative to a margin of 1 or more
PROBABILITY_TOLERANCE = 1e-9


@contextmanager
def one_thread() -> Iterator[None]:
    """One OpenMP thread: its threads wait by spinning, so that beside busy processes two take 20 times as long."""
    import sklearn.ensemble  # noqa: F401  # only libraries that are loaded already are limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield


@dataclass(frozen=True)
class Parameters:
    """Of the boosted trees: small and regularised, because won leads are few."""

    max_iter: int = 150
    learning_rate: float = 0.05
    max_leaf_nodes: int = 12
    max_depth: int = 4
    min_samples_leaf: int = 40
    l2_regularization: float = 5.0
    random_state: int = 7


@dataclass(frozen=True)
class Trained:
    """The fitted scikit-learn models."""

    model: Any  # CalibratedClassifierCV over a frozen HistGradientBoostingClassifier
    baseline: Any  # Pipeline ending in a LogisticRegression
    calibration: str  # sigmoid or isotonic

    @property
    def trees(self) -> Any:
        """The boosted trees before calibration."""
        return self.model.calibrated_classifiers_[0].estimator.estimator


@one_thread()
def train(split: Split, parameters: Parameters) -> Trained:
    """The calibrator learns from margins of rows that its trees have not seen: the oldest part's on the middle one.

    Then the trees are fitted once more on both parts, because the newest rows are the most like those to come.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    early = fit_trees(split.fit, parameters)
    method = _better_calibration(early, split.calibration)
    model = CalibratedClassifierCV(FrozenEstimator(early), method=method)
    model.fit(split.calibration.values, split.calibration.labels)
    final = FrozenEstimator(fit_trees(split.development, parameters))
    model.estimator = model.calibrated_classifiers_[0].estimator = final
    return Trained(model, _fit_baseline(split.development), method)


@one_thread()
def fit_trees(frame: TrainingFrame, parameters: Parameters) -> Any:
    """A fitted HistGradientBoostingClassifier on numeric features; early stopping is off, so that all rows are used."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(**asdict(parameters), early_stopping=False, categorical_features=None)
    never_known = np.isnan(frame.values).all(axis=0)  # scikit-learn 1.9 fails on such a column; a constant never splits
    return trees.fit(np.where(never_known, 0.0, frame.values), frame.labels)


def _fit_baseline(frame: TrainingFrame) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    steps = (SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    return make_pipeline(*steps, LogisticRegression(max_iter=2000)).fit(frame.values, frame.labels)


def _better_calibration(trees: Any, frame: TrainingFrame) -> str:
    """The sigmoid, unless isotonic regression is clearly better: fitted on the older half, judged on the newer one.

    Isotonic regression says 0 and 1 beyond what it has seen and merges neighbours, which cannot be ranked any more. On
    the bank's calls, whose win rate moved, it won by 0.2 % of log loss here and then lost 0.05 of AUROC.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    half = np.arange(frame.rows) < frame.rows // 2
    older, newer = frame.take(half), frame.take(~half)
    if min(len(np.unique(older.labels)), len(np.unique(newer.labels))) < 2:
        return "sigmoid"  # two numbers: it needs the fewest examples
    judged = {}
    for method in ("sigmoid", "isotonic"):
        fitted = CalibratedClassifierCV(FrozenEstimator(trees), method=method).fit(older.values, older.labels)
        probabilities = predict(fitted, newer)
        judged[method] = log_loss(newer.labels, probabilities), auroc(newer.labels, probabilities)
    (sigmoid_loss, sigmoid_auroc), (isotonic_loss, isotonic_auroc) = judged["sigmoid"], judged["isotonic"]
    better = isotonic_loss < sigmoid_loss * (1 - ISOTONIC_BETTER_BY)
    return "isotonic" if better and isotonic_auroc >= sigmoid_auroc - ISOTONIC_ORDER_LOST else "sigmoid"


@one_thread()
def predict(model: Any, frame: TrainingFrame) -> Probabilities:
    """A scikit-learn model's probabilities of winning."""
    return np.asarray(model.predict_proba(frame.values)[:, 1], dtype=np.float64)


def serve(bundle: Bundle, frame: TrainingFrame) -> Probabilities:
    """The bundle's probabilities, computed as the scorer computes them."""
    return np.array([bundle.probability(bundle.margin(row)) for row in frame.values], dtype=np.float64)


def bundle_of(
    trained: Trained,
    split: Split,
    folder: Path,
    *,
    model_name: str,
    service: str,
    feature_hash: str,
    data_digest: str,
    metrics: dict[str, float],
    minimum: AgreedMinimum,
) -> Bundle:
    """Write the model's serving bundle into `folder`, load it as the scorer would, and compare it with the model.

    Raises:
        NotExportable: the bundle scores or explains a hold-out row otherwise than the model does.
    """
    import sklearn

    leaves, baseline = leaves_of(trained.trees)
    manifest = Manifest(
        model=model_name,
        feature_service=service,
        feature_hash=feature_hash,
        feature_names=split.development.feature_names,
        baseline_margin=baseline,
        calibrator=_calibrator(trained),
        reference=reference_of(split.development),
        training_rows=split.development.rows,
        data_digest=data_digest,
        sklearn_version=sklearn.__version__,
        metrics=metrics,
        agreed_minimum=minimum,
    )
    save(folder, manifest, leaves)
    bundle = Bundle.load(folder, version="unregistered")
    _require_parity(bundle, trained, split.holdout)
    return bundle


def reference_of(frame: TrainingFrame) -> dict[str, Reference]:
    """What each feature looked like."""
    return {name: _reference(column) for name, column in zip(frame.feature_names, frame.values.T, strict=True)}


def _reference(column: Any) -> Reference:
    known = column[~np.isnan(column)]
    null_rate = 1.0 - len(known) / len(column)
    edges = np.quantile(known, [0.0, 0.01, 0.5, 0.99, 1.0]).tolist() if len(known) else [None] * 5
    names = ("minimum", "p01", "p50", "p99", "maximum")
    return Reference(null_rate=null_rate, distribution=distribution_of(column), **dict(zip(names, edges, strict=True)))


def _calibrator(trained: Trained) -> Calibrator:
    fitted = trained.model.calibrated_classifiers_[0].calibrators[0]
    if trained.calibration == "sigmoid":
        return Sigmoid(slope=-float(fitted.a_), intercept=-float(fitted.b_))
    return Isotonic(
        margins=tuple(map(float, fitted.X_thresholds_)), probabilities=tuple(map(float, fitted.y_thresholds_))
    )


@one_thread()
def _require_parity(bundle: Bundle, trained: Trained, holdout: TrainingFrame) -> None:
    values = holdout.values[:PARITY_ROWS]
    margins = np.array([bundle.margin(row) for row in values])
    explained = np.array([bundle.expected_margin + bundle.contributions(row).sum() for row in values])
    expected = trained.trees.decision_function(values)
    probabilities = np.array([bundle.probability(margin) for margin in margins])
    scale = np.maximum(1.0, np.abs(expected))
    differences = {
        "margin": (float(np.max(np.abs(margins - expected) / scale)), MARGIN_TOLERANCE),
        "probability": (
            float(np.max(np.abs(probabilities - trained.model.predict_proba(values)[:, 1]))),
            PROBABILITY_TOLERANCE,
        ),
        "sum of contributions": (float(np.max(np.abs(explained - margins))), PROBABILITY_TOLERANCE),
    }
    for what, (difference, tolerance) in differences.items():
        if not difference <= tolerance:
            raise NotExportable(
                f"the bundle's {what} differs from scikit-learn's by {difference:.3g}, more than {tolerance:.0e}; "
                "check that the installed scikit-learn is the pinned minor version"
            )
