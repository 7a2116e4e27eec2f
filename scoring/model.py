"""Whatever scores: the registered model's bundle, or the open rules where none is registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from registry.bundle import Bundle
from scoring.decision import ModelRef
from scoring.errors import ModelFailed
from scoring.gate import Gate


class Scored(NamedTuple):
    """One row's score. Contributions add up, with the model's expected margin, to the margin."""

    margin: float | None  # log-odds; None for rules
    probability: float | None  # calibrated; None for rules
    score: float  # 0–100, two decimals
    contributions: Mapping[str, float]  # log-odds, or points for rules


class Model(Protocol):
    """Scores features and says how unusual they are. Pure and thread-safe."""

    ref: ModelRef
    gate: Gate
    weight: Mapping[str, float]  # feature -> how rarely it is missing, 0–1
    trust: float  # 0–1, part of the confidence

    def score(self, features: Mapping[str, float | None]) -> Scored:
        """The score of one row."""
        ...


class BundleModel:
    """A registered model."""

    trust = 1.0

    def __init__(self, bundle: Bundle) -> None:
        self.ref = ModelRef(name=bundle.manifest.model, version=bundle.version, digest=bundle.digest)
        self.weight: Mapping[str, float] = {name: 1.0 - known.null_rate for name, known in bundle.reference.items()}
        self.gate = Gate.of_reference(bundle.reference)
        self._bundle = bundle

    def score(self, features: Mapping[str, float | None]) -> Scored:
        """Margin, calibrated probability and exact SHAP values; the score is the probability × 100."""
        bundle = self._bundle
        row = bundle.vector(features)
        margin = bundle.margin(row)
        probability = bundle.probability(margin)
        if not 0.0 <= probability <= 1.0:
            raise ModelFailed(
                f"model version {bundle.version} gave the probability {probability} to a margin of {margin}; "
                "give the alias champion back to the version before it"
            )
        return Scored(
            margin,
            probability,
            round(100.0 * probability, 2),
            dict(zip(bundle.feature_names, bundle.contributions(row).tolist(), strict=True)),
        )
