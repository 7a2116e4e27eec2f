"""A suite: what a stage expects of its rows and batches, declared once and executed twice.

`quality.gx` runs it with Great Expectations on a whole frame; `quality.compiled` turns its row-wise part into a
function for one row. Expectation types and arguments are Great Expectations' own (greatexpectations.io/expectations).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quality.errors import SuiteError
from quality.verdict import Action

NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
REGEX = "expect_column_values_to_match_regex"
OF_TYPE = "expect_column_values_to_be_of_type"

ROW_COUNT = "expect_table_row_count_to_be_between"
COLUMN_SET = "expect_table_columns_to_match_set"
NOT_NULL_RATE = "expect_column_proportion_of_non_null_values_to_be_between"
MEAN = "expect_column_mean_to_be_between"
MINIMUM = "expect_column_min_to_be_between"
MAXIMUM = "expect_column_max_to_be_between"
UNIQUE = "expect_column_values_to_be_unique"
A_GREATER_B = "expect_column_pair_values_a_to_be_greater_than_b"

# Arguments that a row-wise expectation may carry besides `column`.
ROW_WISE: Mapping[str, frozenset[str]] = {
    NOT_NULL: frozenset(),
    BETWEEN: frozenset({"min_value", "max_value", "strict_min", "strict_max"}),
    IN_SET: frozenset({"value_set"}),
    REGEX: frozenset({"regex"}),
    OF_TYPE: frozenset({"type_"}),
}
BATCH = frozenset({ROW_COUNT, COLUMN_SET, NOT_NULL_RATE, MEAN, MINIMUM, MAXIMUM, UNIQUE, A_GREATER_B})
TYPES: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation; `SuiteError` if no execution knows it.

    A row-wise expectation says nothing of a null, except `NOT_NULL`. `mostly` is the share of a batch's rows (non-null
    ones, except for `NOT_NULL`) that must hold; for one row it has no meaning and is ignored.
    """

    type: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    action: Action = Action.WARN
    mostly: float = 1.0

    def __post_init__(self) -> None:
        if self.type not in ROW_WISE and self.type not in BATCH:
            known = ", ".join(sorted((*ROW_WISE, *BATCH)))
            raise SuiteError(f"expectation {self.type!r} is unknown, expected one of {known}")
        if not 0 < self.mostly <= 1:
            raise SuiteError(f"{self.type}: mostly is {self.mostly}, expected more than 0 and at most 1")
        if self.is_row_wise:
            self._check_row_wise()

    @property
    def column(self) -> str | None:
        """The column it is about; `None` if it is about the table."""
        column = self.kwargs.get("column", self.kwargs.get("column_A"))
        return None if column is None else str(column)

    @property
    def is_row_wise(self) -> bool:
        """Whether one row can be judged by it."""
        return self.type in ROW_WISE

    @property
    def label(self) -> str:
        """The expectation in words: `age: between 0 and 120`. Never a row's value."""
        words = self.type.removeprefix("expect_column_values_to_").removeprefix("expect_").replace("_", " ")
        if self.type == BETWEEN:
            words = f"between {self.kwargs.get('min_value', '-∞')} and {self.kwargs.get('max_value', '∞')}"
        elif self.type == IN_SET:
            words = f"one of {len(self.kwargs['value_set'])} values"
        elif self.type == REGEX:
            words = f"matching {self.kwargs['regex']}"
        elif self.type == OF_TYPE:
            words = f"of type {self.kwargs['type_']}"
        return f"{self.column}: {words}" if self.column else words

    def _check_row_wise(self) -> None:
        given = set(self.kwargs) - {"column"}
        if "column" not in self.kwargs or not given <= ROW_WISE[self.type]:
            raise SuiteError(
                f"{self.type}: got {sorted(self.kwargs)}, expected column and {sorted(ROW_WISE[self.type])}"
            )
        if self.type == BETWEEN and self.kwargs.get("min_value") is None and self.kwargs.get("max_value") is None:
            raise SuiteError(f"{self.label}: expected min_value or max_value")
        if self.type == OF_TYPE and self.kwargs.get("type_") not in TYPES:
            raise SuiteError(f"{self.type}: type_ is {self.kwargs.get('type_')!r}, expected one of {', '.join(TYPES)}")
        for name in ("value_set", "regex"):
            if name in ROW_WISE[self.type] and name not in self.kwargs:
                raise SuiteError(f"{self.type}: expected {name}")


@dataclass(frozen=True, slots=True)
class Suite:
    """Expectations of one stage under one name; `version` changes whenever they do."""

    name: str
    stage: str
    expectations: tuple[Expectation, ...]
    version: str = "1"

    @property
    def row_wise(self) -> tuple[Expectation, ...]:
        """The expectations that one row can be judged by."""
        return tuple(expectation for expectation in self.expectations if expectation.is_row_wise)


def not_null(column: str, action: Action = Action.WARN, *, mostly: float = 1.0) -> Expectation:
    """The column's values are present."""
    return Expectation(NOT_NULL, {"column": column}, action, mostly)


def between(
    column: str, low: float | None, high: float | None, action: Action = Action.WARN, *, mostly: float = 1.0
) -> Expectation:
    """The column's values lie within `low` and `high`, both included; `None` leaves a side open."""
    edges = {name: edge for name, edge in (("min_value", low), ("max_value", high)) if edge is not None}
    return Expectation(BETWEEN, {"column": column} | edges, action, mostly)


def in_set(column: str, values: tuple[Any, ...], action: Action = Action.WARN, *, mostly: float = 1.0) -> Expectation:
    """The column's values are among `values`."""
    return Expectation(IN_SET, {"column": column, "value_set": list(values)}, action, mostly)
