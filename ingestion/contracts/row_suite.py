"""The rules of a contract as a suite of the quality gate, whose rows say sizes, times and counts and no content.

A row's column is called by the field: a string's length is `{field}_chars`, an array's `{field}`, a timestamp is in
epoch seconds. Custom rules name their columns themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from ingestion.contracts.odcs import Contract, Limits, LogicalType, Property, Rule
from quality.suite import Expectation, Suite, between, in_set, not_null
from quality.verdict import Action

_ACTIONS = {"error": Action.QUARANTINE, "warning": Action.WARN}


def row_suite(contract: Contract, name: str, columns: Collection[str]) -> Suite:
    """What the contract says of a row with these columns; rules on other fields are the readers' to hold."""
    found = (each for field in contract.topic.properties for each in _expectations(field))
    stage = "ingestion"
    return Suite(name, stage, tuple(each for each in found if each.column in columns), contract.version)


def _expectations(field: Property) -> Iterator[Expectation]:
    limits = field.limits
    if field.logical_type is LogicalType.STRING and (limits.min_length, limits.max_length) != (None, None):
        yield between(f"{field.name}_chars", limits.min_length, limits.max_length, Action.QUARANTINE)
    if field.logical_type is LogicalType.ARRAY and (limits.min_items, limits.max_items) != (None, None):
        yield between(field.name, limits.min_items, limits.max_items, Action.QUARANTINE)
    if (limits.minimum, limits.maximum) != (None, None):
        yield between(field.name, *_edges(limits), Action.QUARANTINE)
    for rule in field.quality:
        yield _expectation(field.name, rule)


def _edges(limits: Limits) -> tuple[float | None, float | None]:
    low, high = (
        datetime.fromisoformat(edge).timestamp() if isinstance(edge, str) else edge
        for edge in (limits.minimum, limits.maximum)
    )
    return low, high


def _expectation(name: str, rule: Rule) -> Expectation:
    action = _ACTIONS[rule.severity]
    if rule.implementation is not None:
        said = rule.implementation
        return Expectation(said.type, said.kwargs, action, said.mostly)
    if rule.metric == "nullValues":
        return not_null(name, action, mostly=1 - (rule.must_be_less_than or 0) / 100)
    return in_set(name, rule.arguments.valid_values if rule.arguments else (), action)
