"""The model and the scorers of the scoring stage's tests."""

from __future__ import annotations

from tests.scoring.conftest import bundle, bundle_folder, rules_scorer, scorer

__all__ = ["bundle", "bundle_folder", "rules_scorer", "scorer"]
