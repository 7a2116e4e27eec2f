"""The model-input gate: each request held against what the model saw in training.

One suite, built from the bundle's reference statistics: Great Expectations can run it on a batch of requests, and its
compiled form checks one request in microseconds. A feature that training never lacked and that is missing now fails;
a value outside the training range, widened by a tenth of it, warns; one ten ranges away fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from quality.compiled import compile_rows
from quality.suite import Expectation, Suite, between, not_null
from quality.verdict import Action
from registry.bundle import Reference

WIDENED = 0.1  # of the training range: warn outside
ABSURD = 10.0  # ranges: fail outside

PASS, WARN, FAIL = "pass", "warn", "fail"


class GateResult(NamedTuple):
    """pass, warn or fail, and the expectations that did not hold, in words."""

    result: str
    failures: tuple[str, ...]


class Gate:
    """A compiled suite."""

    def __init__(self, suite: Suite) -> None:
        self._check = compile_rows(suite)

    def check(self, features: Mapping[str, float | None]) -> GateResult:
        """Judge one request."""
        broken = self._check(features)
        if not broken:
            return GateResult(PASS, ())
        return GateResult(WARN if self._check.action(broken) is Action.WARN else FAIL, broken)

    @staticmethod
    def of_reference(reference: Mapping[str, Reference]) -> Gate:
        """The gate of a model with these training statistics."""
        return Gate(suite_of(reference))


def suite_of(reference: Mapping[str, Reference]) -> Suite:
    """The expectations that the training statistics imply."""
    expectations: list[Expectation] = []
    for name, known in reference.items():
        if known.null_rate == 0:
            expectations.append(not_null(name, Action.STOP))
        if known.minimum is None or known.maximum is None:
            continue
        width = max(known.maximum - known.minimum, 1.0)
        for share, action in ((WIDENED, Action.WARN), (ABSURD, Action.STOP)):
            low, high = known.minimum - share * width, known.maximum + share * width
            expectations.append(between(name, float(f"{low:.6g}"), float(f"{high:.6g}"), action))
    return Suite("model-input", "scoring", tuple(expectations))
