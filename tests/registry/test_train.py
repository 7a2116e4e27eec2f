"""The bundle of a calibrated model is that model, whichever calibrator won."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from registry.agreed_minimum import agreed_minimum
from registry.bundle import Bundle
from registry.errors import NotExportable
from registry.evaluate import evaluate
from registry.frame import TrainingFrame
from registry.plots import write_plots
from registry.split import Split, split_by_time
from registry.train import Parameters, Trained, bundle_of, predict, reference_of, serve, train

Make = Callable[..., TrainingFrame]
SMALL = Parameters(max_iter=40)


@pytest.fixture(scope="module")
def split(make_frame: Make) -> Split:
    return split_by_time(make_frame())


@pytest.fixture(scope="module")
def trained(split: Split) -> Trained:
    return train(split, SMALL)


def bundled(trained: Trained, split: Split, folder: Path) -> Bundle:
    return bundle_of(
        trained,
        split,
        folder,
        model_name="lead_scoring",
        service="lead_scoring_v1",
        feature_hash="f00d",
        data_digest="da7a",
        metrics={"auroc": 0.8},
        minimum=agreed_minimum(),
    )


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_the_bundles_probabilities_are_the_calibrated_models(
    trained: Trained, split: Split, tmp_path: Path, method: str
) -> None:
    model = CalibratedClassifierCV(FrozenEstimator(trained.trees), method=method)
    model.fit(split.calibration.values, split.calibration.labels)
    chosen = Trained(model, trained.baseline, method)
    bundle = bundled(chosen, split, tmp_path)
    assert np.abs(serve(bundle, split.holdout) - predict(model, split.holdout)).max() < 1e-9


def test_a_bundle_that_is_not_the_model_is_not_given_out(trained: Trained, split: Split, tmp_path: Path) -> None:
    other = Trained(_Shifted(trained.model), trained.baseline, trained.calibration)
    with pytest.raises(NotExportable, match="probability differs from scikit-learn's"):
        bundled(other, split, tmp_path)


class _Shifted:
    """A model whose probabilities are not the ones of its own calibrator."""

    def __init__(self, model: CalibratedClassifierCV) -> None:
        self.calibrated_classifiers_ = model.calibrated_classifiers_
        self._model = model

    def predict_proba(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._model.predict_proba(values)) + 1e-6


def test_the_model_ranks_and_calibrates_better_than_a_coin(trained: Trained, split: Split) -> None:
    evaluation = evaluate(split.holdout.labels, predict(trained.model, split.holdout))
    assert evaluation.auroc > 0.8
    assert evaluation.ece < 0.05


def test_training_again_gives_the_same_model(trained: Trained, split: Split) -> None:
    assert np.array_equal(predict(train(split, SMALL).model, split.holdout), predict(trained.model, split.holdout))


def test_a_feature_that_was_never_known_in_training_says_nothing_later(make_frame: Make, tmp_path: Path) -> None:
    frame = make_frame()
    empty = split_by_time(replace(frame, values=np.where(np.arange(8) == 5, np.nan, frame.values)))
    bundle = bundled(train(empty, SMALL), empty, tmp_path)
    row = np.zeros(8)
    before = bundle.margin(row)
    row[5] = 100.0
    assert bundle.margin(row) == before
    assert bundle.reference["f5"].null_rate == 1.0
    assert bundle.reference["f5"].p50 is None


def test_the_reference_describes_what_was_known(split: Split) -> None:
    reference = reference_of(split.fit)["f0"]
    column = split.fit.values[:, 0]
    assert reference.null_rate == pytest.approx(np.isnan(column).mean())
    assert (reference.minimum, reference.maximum) == (np.nanmin(column), np.nanmax(column))
    assert reference.p01 is not None
    assert reference.p99 is not None
    assert reference.p01 <= np.nanmedian(column) <= reference.p99


def test_every_plot_is_drawn_without_a_display(trained: Trained, split: Split, tmp_path: Path) -> None:
    bundle = bundled(trained, split, tmp_path / "bundle")
    judged = [
        (evaluate(split.holdout.labels, probabilities), probabilities)
        for probabilities in (predict(trained.model, split.holdout), predict(trained.baseline, split.holdout))
    ]
    write_plots(tmp_path / "plots", bundle, split.holdout, judged[0], judged[1])
    drawn = sorted((tmp_path / "plots").iterdir())
    assert [file.stem for file in drawn] == ["calibration", "decision_curve", "lift", "shap_summary"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in drawn)
