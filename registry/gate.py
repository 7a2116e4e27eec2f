"""The training set's gate: enough rows, a plausible share of won leads, features that are there and do not leak."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from quality.suite import MEAN, NOT_NULL_RATE, ROW_COUNT, Expectation, Suite
from quality.verdict import Action, Finding, Verdict
from registry.errors import TrainingStopped
from registry.frame import TrainingFrame
from registry.leakage import leaks

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ROWS = 300
FEWEST_VARYING = 3  # features
LABEL_RATE = (0.005, 0.6)
FEWEST_KNOWN = 0.01  # share of a feature's values; below it the feature is as good as absent
LABEL = "label"


def suite_of(feature_names: tuple[str, ...]) -> Suite:
    """What is expected of every training set with these features."""
    low, high = LABEL_RATE
    return Suite(
        name="training_set",
        stage="registry",
        expectations=(
            Expectation(ROW_COUNT, {"min_value": FEWEST_ROWS}, Action.STOP),
            Expectation(MEAN, {"column": LABEL, "min_value": low, "max_value": high}, Action.STOP),
            *(
                Expectation(NOT_NULL_RATE, {"column": name, "min_value": FEWEST_KNOWN}, Action.WARN)
                for name in feature_names
            ),
        ),
    )


def examine(frame: TrainingFrame, at: datetime) -> Verdict:
    """The verdict on a training set, made at `at`; leaks are findings that stop."""
    from quality.gx import Runner

    verdict = Runner(suite_of(frame.feature_names)).run(_table(frame), at)
    told = tuple(
        Finding(
            expectation=f"{leak.feature}: does not tell the outcome",
            column=leak.feature,
            action=Action.STOP,
            observed=leak.why,
            unexpected=frame.rows,
        )
        for leak in leaks(frame)
    )
    found = (*_constant(frame), *told)
    action = Action.STOP if any(finding.action is Action.STOP for finding in found) else verdict.action
    return msgspec.structs.replace(verdict, action=action, findings=(*verdict.findings, *found))


def require(verdict: Verdict) -> None:
    """Raises `TrainingStopped`, naming every finding that stops."""
    if verdict.action is not Action.STOP:
        return
    stops = [finding for finding in verdict.findings if finding.action is Action.STOP]
    reasons = "; ".join(f"{finding.expectation} ({finding.observed})" for finding in stops)
    raise TrainingStopped(
        f"the training set of {verdict.rows:,} rows was refused: {reasons}. "
        "Remove a leaking feature or join it as of the snapshot; with too few rows or wins wait for more outcomes"
    )


def _constant(frame: TrainingFrame) -> tuple[Finding, ...]:
    """Stops where next to no feature varies: then the join went wrong, not the leads."""
    varying = sum(len(np.unique(column[~np.isnan(column)])) > 1 for column in frame.values.T)
    if varying >= FEWEST_VARYING:
        return ()
    observed = f"{varying} of {len(frame.feature_names)} have more than one value"
    return (Finding(expectation="the features vary", column=None, action=Action.STOP, observed=observed),)


def _table(frame: TrainingFrame) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(frame.values, columns=list(frame.feature_names))
    return table.assign(**{LABEL: frame.labels.astype(float)})
