"""Documents that a contract admits: random ones, and the corners of what it admits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from ingestion.contracts.json_schema import MAP_OF_STRINGS
from ingestion.contracts.odcs import LogicalType, Property, Shape

FAR = 12  # longer than any limit that these tests draw
_WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="@"), max_size=12)
_MOMENTS = st.integers(946_684_800, 253_370_764_799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def documents(properties: tuple[Property, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Any document with these fields, without an e-mail address."""
    return st.fixed_dictionaries(
        {each.name: _value(each) for each in properties if each.required},
        optional={each.name: _value(each) for each in properties if not each.required},
    )


def _value(shape: Shape) -> st.SearchStrategy[Any]:
    kind, limits = shape.logical_type, shape.limits
    if shape.values is not None:
        return st.sampled_from(shape.values)
    if kind is LogicalType.STRING:
        if limits.pattern is not None:
            return st.from_regex(limits.pattern, fullmatch=True)
        return _WORDS.filter(lambda word: len(word) >= (limits.min_length or 0))
    if kind is LogicalType.TIMESTAMP:
        return _MOMENTS.map(datetime.isoformat)
    if kind is LogicalType.BOOLEAN:
        return st.booleans()
    if kind is LogicalType.INTEGER:
        return st.integers(-(2**40), 2**40)
    if kind is LogicalType.NUMBER:
        return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
    if kind is LogicalType.ARRAY:
        assert shape.items is not None
        return st.lists(_value(shape.items), max_size=3)
    if shape.physical_type == MAP_OF_STRINGS:
        return st.dictionaries(_WORDS, _WORDS, max_size=3)
    return documents(shape.properties)


def corners(properties: tuple[Property, ...]) -> Iterator[dict[str, Any]]:
    """The whole document, the least one, and the whole one with each field left out or at each of its own corners."""
    whole = {each.name: next(_corner_values(each)) for each in properties}
    yield whole
    yield {each.name: whole[each.name] for each in properties if each.required}
    for each in properties:
        if not each.required:
            yield {name: value for name, value in whole.items() if name != each.name}
        for value in _corner_values(each):
            yield whole | {each.name: value}


def _corner_values(shape: Shape) -> Iterator[Any]:
    kind, limits = shape.logical_type, shape.limits
    if shape.values is not None:
        yield from shape.values
    elif kind is LogicalType.STRING:
        letter = limits.pattern[1] if limits.pattern else "x"  # of a pattern such as ^a+$
        yield letter * (limits.max_length or FAR)
        yield letter * (limits.min_length or (1 if limits.pattern else 0))
    elif kind in (LogicalType.INTEGER, LogicalType.NUMBER):
        yield 10**6 if limits.maximum is None else limits.maximum
        yield -(10**6) if limits.minimum is None else limits.minimum
    elif kind is LogicalType.BOOLEAN:
        yield from (True, False)
    elif kind is LogicalType.TIMESTAMP:
        yield "2025-11-01T00:00:00Z"
    elif kind is LogicalType.ARRAY:
        assert shape.items is not None
        inner = list(_corner_values(shape.items))
        yield inner[:1] * (limits.max_items or FAR)
        yield inner[:1] * (limits.min_items or 0)
        yield from ([value] * max(limits.min_items or 0, 1) for value in inner)
    elif shape.properties:
        yield from corners(shape.properties)
    else:
        yield {"k": "v"}
