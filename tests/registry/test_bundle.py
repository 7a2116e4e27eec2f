"""The bundle says exactly what the model says, and refuses to be anything else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from registry.bundle import Bundle, Reference
from registry.errors import BundleError, BundleTampered, FeatureMismatch, NotExportable
from registry.export import leaves_of

Matrix = NDArray[np.float64]
cell = st.one_of(
    st.just(float("nan")),
    st.just(float("inf")),
    st.just(float("-inf")),
    st.floats(-50, 50),
    st.integers(0, 20).map(float),
)


def test_margin_is_the_models_own_log_odds(bundle: Bundle, model: Any, people: tuple[Matrix, Matrix]) -> None:
    values, _ = people
    expected = model._raw_predict(values).ravel()
    margins = np.array([bundle.margin(row) for row in values])
    assert np.abs(margins - expected).max() < 1e-12
    probabilities = [bundle.probability(margin) for margin in margins]
    assert np.abs(probabilities - model.predict_proba(values)[:, 1]).max() < 1e-12


@given(row=st.lists(cell, min_size=10, max_size=10))
def test_any_row_is_scored_as_the_model_scores_it_and_its_reasons_add_up(
    bundle: Bundle, model: Any, row: list[float]
) -> None:
    x = np.array(row)
    margin = bundle.margin(x)
    assert margin == pytest.approx(model._raw_predict(x[None, :]).item(), abs=1e-12)
    assert bundle.expected_margin + bundle.contributions(x).sum() == pytest.approx(margin, abs=1e-10)


def test_a_value_on_a_split_goes_the_way_the_model_sends_it(bundle: Bundle, model: Any) -> None:
    thresholds = [
        (int(node["feature_idx"]), float(node["num_threshold"]))
        for iteration in model._predictors
        for node in iteration[0].nodes
        if not node["is_leaf"]
    ]
    rows = np.ones((900, 10))
    for number, (feature, threshold) in enumerate(thresholds[:300]):
        beside = (threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf))
        rows[3 * number : 3 * number + 3, feature] = beside
    margins = np.array([bundle.margin(row) for row in rows])
    assert np.abs(margins - model._raw_predict(rows).ravel()).max() < 1e-12


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # shap's own plots, at its import
def test_contributions_are_the_shap_values_of_the_reference_implementation(
    bundle: Bundle, model: Any, people: tuple[Matrix, Matrix]
) -> None:
    import shap

    values = people[0][:200]
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    expected = explainer.shap_values(values)
    contributions = np.array([bundle.contributions(row) for row in values])
    assert np.abs(contributions - expected).max() < 1e-9
    assert bundle.expected_margin == pytest.approx(float(np.ravel(explainer.expected_value)[0]), abs=1e-9)


def test_trees_that_never_split_give_the_baseline_and_no_reasons() -> None:
    from registry.ensemble import Ensemble

    stump = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=50, early_stopping=False)
    stump.fit(np.arange(20.0)[:, None], np.arange(20) % 2)
    leaves, baseline = leaves_of(stump)
    ensemble = Ensemble(leaves, baseline, 1)
    assert ensemble.margin(np.array([3.0])) == pytest.approx(stump._raw_predict([[3.0]]).item(), abs=1e-12)
    assert ensemble.contributions(np.array([3.0])).tolist() == [0.0]


def test_categorical_splits_are_refused_at_export() -> None:
    generator = np.random.default_rng(0)
    values = np.column_stack([generator.integers(0, 5, 200), generator.normal(size=200)])
    fitted = HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(values, values[:, 0] > 2)
    with pytest.raises(NotExportable, match="categorical"):
        leaves_of(fitted)


def test_more_than_two_classes_are_refused_at_export(people: tuple[Matrix, Matrix]) -> None:
    values, labels = people
    three = labels.astype(int) + (np.nan_to_num(values[:, 4]) > 3)
    fitted = HistGradientBoostingClassifier(max_iter=2).fit(values, three)
    with pytest.raises(NotExportable, match="3 trees an iteration"):
        leaves_of(fitted)


def test_the_same_model_gives_the_same_bytes(saved: Callable[..., Path]) -> None:
    def content() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in saved().iterdir()}

    assert content() == content()


@pytest.mark.parametrize("name", ["bundle.json", "leaves.npz"])
def test_a_changed_byte_is_refused_by_digest(saved: Callable[..., Path], name: str) -> None:
    folder = saved()
    file = folder / name
    content = bytearray(file.read_bytes())
    position = content.find(b"0.7") if name == "bundle.json" else len(content) // 2
    content[position] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=r"digest|manifest"):
        Bundle.load(folder, version="1")


def test_a_bundle_that_was_resealed_is_refused_by_the_registrys_digest(saved: Callable[..., Path]) -> None:
    registered = Bundle.load(saved(), version="1").digest
    folder = saved(metrics={"auroc": 0.99})
    with pytest.raises(BundleTampered, match=registered):
        Bundle.load(folder, version="1", digest=registered)


def test_half_a_bundle_is_refused(saved: Callable[..., Path]) -> None:
    folder = saved()
    (folder / "leaves.npz").unlink()
    with pytest.raises(BundleError, match=r"leaves\.npz"):
        Bundle.load(folder, version="1")


def test_a_bundle_of_before_distributions_were_kept_is_what_it_was(saved: Callable[..., Path]) -> None:
    known = Reference(null_rate=0.1, minimum=0.0, p01=0.0, p50=1.0, p99=4.0, maximum=9.0)
    folder = saved(reference={"f0": known})
    assert b"distribution" not in (folder / "bundle.json").read_bytes()
    assert Bundle.load(folder, version="1").reference == {"f0": known}


def test_an_unknown_manifest_field_is_refused(saved: Callable[..., Path]) -> None:
    folder = saved()
    manifest = json.loads((folder / "bundle.json").read_bytes())
    (folder / "bundle.json").write_text(json.dumps({**manifest, "surprise": 1}))
    with pytest.raises(BundleError, match="surprise"):
        Bundle.load(folder, version="1")


def test_other_features_are_refused_by_name(bundle: Bundle) -> None:
    bundle.require_features("lead_scoring_v1", "f00d")
    with pytest.raises(FeatureMismatch, match="beef"):
        bundle.require_features("lead_scoring_v1", "beef")
    with pytest.raises(FeatureMismatch, match="f9"):
        bundle.vector({f"f{index}": 1.0 for index in range(9)})


def test_an_unknown_value_is_missing_and_not_zero(bundle: Bundle) -> None:
    vector = bundle.vector({**{f"f{index}": float(index) for index in range(10)}, "f3": None, "other": 1.0})
    assert np.isnan(vector[3])
    assert vector[[0, 1, 2, 4]].tolist() == [0.0, 1.0, 2.0, 4.0]


def test_serving_a_bundle_needs_neither_scikit_learn_nor_mlflow() -> None:
    program = (
        "import registry.bundle, sys; "
        "heavy = {'sklearn', 'mlflow', 'shap', 'pandas', 'scipy', 'matplotlib', 'feast'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
