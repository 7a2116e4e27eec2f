"""Runs a suite with Great Expectations on a pandas frame and gives a verdict.

Invariant: no value of the frame leaves here, only counts, rates, names of columns and, where asked for, of rows; and
nothing phones home. The library takes seconds and 265 MB to import, so it is imported with the first runner; call
`preload` where a worker starts.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from quality.errors import SuiteError
from quality.suite import COLUMN_SET, Expectation, Suite
from quality.verdict import Action, Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

# BASIC gives counts; without a partial list it gives no examples of what was unexpected.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
_NAMING = {"result_format": "COMPLETE", "partial_unexpected_count": 0}  # with the rows' names
_SEVERITY = {action: rank for rank, action in enumerate(Action)}


@lru_cache(maxsize=1)
def preload() -> Any:
    """Imports Great Expectations with its analytics off. Blocks for some seconds, once a process."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, at import
        import great_expectations

    return great_expectations


class Runner:
    """One suite, built once and run on many frames. Not safe for several threads."""

    def __init__(self, suite: Suite) -> None:
        """Raises `SuiteError` if Great Expectations refuses an expectation's arguments."""
        self.suite = suite
        gx = preload()
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        built = gx.ExpectationSuite(suite.name)
        for index, expectation in enumerate(suite.expectations):
            built.add_expectation(_build(gx, expectation, index))
        self._validation = context.validation_definitions.add(
            gx.ValidationDefinition(
                name=suite.name,
                data=asset.add_batch_definition_whole_dataframe("whole"),
                suite=context.suites.add(built),
            )
        )

    def run(
        self,
        frame: pd.DataFrame,
        at: datetime,
        parameters: Mapping[str, Any] | None = None,
        *,
        names: str | None = None,
    ) -> Verdict:
        """Judges one batch. Takes about 5 ms an expectation, and grows little with the rows up to some 10,000.

        Args:
            frame: one row a row; a column that an expectation needs and that is missing is a finding.
            at: the verdict's time.
            parameters: values for arguments declared as `{"$PARAMETER": name}`.
            names: the column that says what the rows are called, which a finding may repeat; for small frames.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas' advice to the library
            result = self._validation.run(
                batch_parameters={"dataframe": frame},
                expectation_parameters=dict(parameters or {}),
                result_format=_RESULT_FORMAT if names is None else _NAMING | {"unexpected_index_column_names": [names]},
            )
        # The library groups its results by column; the suite's own order says more.
        failed = {one.expectation_config.meta["index"]: one for one in result.results if not one.success}
        findings = tuple(
            _finding(self.suite.expectations[index], failed[index], frame, names) for index in sorted(failed)
        )
        action = max((finding.action for finding in findings), key=_SEVERITY.__getitem__, default=Action.PASS)
        return Verdict(
            suite=f"{self.suite.name}@{self.suite.version}",
            stage=self.suite.stage,
            at=at,
            rows=len(frame),
            action=action,
            findings=findings,
        )


def _build(gx: Any, expectation: Expectation, index: int) -> Any:
    name = "".join(word.capitalize() for word in expectation.type.split("_"))
    arguments = dict(expectation.kwargs)
    if expectation.mostly < 1:
        arguments["mostly"] = expectation.mostly
    try:
        return getattr(gx.expectations, name)(**arguments, meta={"index": index})
    except ValueError as error:
        raise SuiteError(f"{expectation.label}: Great Expectations refuses its arguments: {error}") from error


def _finding(expectation: Expectation, outcome: Any, frame: pd.DataFrame, names: str | None) -> Finding:
    result = outcome.result or {}
    unexpected = int(result.get("unexpected_count") or 0)
    if expectation.column is not None and expectation.column not in frame.columns:
        observed = "the column is missing"
    elif expectation.type == COLUMN_SET and "details" in result:
        mismatched = result["details"].get("mismatched", {})
        observed = "; ".join(f"{kind}: {', '.join(map(str, names))}" for kind, names in sorted(mismatched.items()))
    elif "unexpected_count" in result:
        named = [str(row[names]) for row in result.get("unexpected_index_list") or ()] if names else []
        observed = ": ".join(filter(None, (f"{unexpected} of {result['element_count']} rows", ", ".join(named))))
    elif isinstance(value := result.get("observed_value"), int | float):
        observed = f"{value:.6g}"
    else:
        # The library's own message may quote a value.
        observed, unexpected = "cannot be judged: the column's values are of the wrong kind", len(frame)
    return Finding(
        expectation=expectation.label,
        column=expectation.column,
        action=expectation.action,
        observed=observed,
        unexpected=unexpected,
    )
