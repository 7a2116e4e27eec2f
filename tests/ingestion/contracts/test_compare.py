"""What a change asks of a contract's version, against an oracle that knows only documents and readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ingestion.contracts.catalog import interaction
from ingestion.contracts.compare import changes
from ingestion.contracts.json_schema import json_schema
from ingestion.contracts.odcs import (
    Arguments,
    Classification,
    Contract,
    Custom,
    Limits,
    LogicalType,
    Property,
    Rule,
    Shape,
)
from ingestion.contracts.version import Level, Version
from ingestion.sources.topics import raw_contracts
from tests.conftest import tries
from tests.ingestion.contracts.documents import corners

NAMES = ("a", "b", "c", "d", "e")
WORDS = ("red", "green", "blue", "black")
KINDS_OF_EDIT = ("add", "remove", "rename", "require", "hold", "say", *["confine"] * 8)
LEAVES = (LogicalType.STRING, LogicalType.INTEGER, LogicalType.NUMBER, LogicalType.BOOLEAN, LogicalType.TIMESTAMP)


def contract(*properties: Property, **stated: Any) -> Contract:
    """The canonical contract with other fields."""
    base = interaction()
    custom = tuple(Custom(property=name, value=value) for name, value in stated.items())
    topic = replace(base.topic, properties=properties, custom_properties=custom or base.topic.custom_properties)
    return replace(base, schema=(topic,))


def field(name: str = "a", kind: LogicalType = LogicalType.STRING, **said: Any) -> Property:
    return Property(**({"name": name, "logical_type": kind, "description": "a field"} | said))


def one_of(*values: str) -> tuple[Rule, ...]:
    return (Rule(severity="error", metric="invalidValues", must_be=0, arguments=Arguments(valid_values=values)),)


def level(old: Contract, new: Contract) -> Level:
    return max((change.level for change in changes(old, new)), default=Level.NONE)


def by_documents(old: Contract, new: Contract) -> Level:
    """The level by what happens to documents and to whoever reads every field of the old contract by its type."""
    admits_old, admits_new = (jsonschema.Draft202012Validator(json_schema(one)).is_valid for one in (old, new))
    if not all(map(admits_new, corners(old.topic.properties))) or not _read(old).items() <= _read(new).items():
        return Level.MODEL
    if not all(map(admits_old, corners(new.topic.properties))):
        return Level.REVISION
    return Level.NONE if old == new else Level.ADDITION


def _read(contract: Contract) -> dict[str, tuple[Any, ...]]:
    kinds = {path: [each] + ([each.items] if each.items else []) for path, each in contract.walk()}
    return {path: tuple((one.logical_type, one.physical_type) for one in each) for path, each in kinds.items()}


@st.composite
def bounds(draw: st.DrawFn, kind: LogicalType) -> dict[str, Any]:
    """What a field of a type may be confined to, as arguments of a `Shape`."""
    low = draw(st.integers(1, 8))
    high = draw(st.none() | st.integers(low, 10))
    free: dict[str, Any] = {"logical_type_options": None, "quality": ()}
    confined: list[dict[str, Any]] = []
    if kind is LogicalType.STRING:
        confined = [
            {"logical_type_options": Limits(min_length=low, max_length=high)},
            {"logical_type_options": Limits(pattern=f"^{'ab'[low % 2]}+$")},
            *[{"quality": one_of(*WORDS[: 1 + low % 4])}] * 2,
        ]
    if kind in (LogicalType.INTEGER, LogicalType.NUMBER):
        confined = [{"logical_type_options": Limits(minimum=low, maximum=high)}]
    if kind is LogicalType.ARRAY:
        confined = [{"logical_type_options": Limits(min_items=low, max_items=high)}]
    chosen: dict[str, Any] = draw(st.sampled_from([{}, *confined, *confined]))
    return free | chosen


@st.composite
def shapes(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """What a field may hold, as the arguments of a `Shape`."""
    inner = (LogicalType.ARRAY, LogicalType.OBJECT) * depth
    kind = draw(st.sampled_from((*LEAVES, LogicalType.STRING, LogicalType.INTEGER, *inner)))
    said: dict[str, Any] = {"logical_type": kind} | draw(bounds(kind))
    if kind is LogicalType.ARRAY:
        said["items"] = Shape(**draw(shapes(depth=depth - 1)))
    if kind is LogicalType.OBJECT:
        said["properties"] = draw(objects(depth=depth - 1))
    return said


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> tuple[Property, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    return tuple(
        Property(name=name, description="a field", required=draw(st.booleans()), **draw(shapes(depth=depth)))
        for name in names
    )


@st.composite
def edits(draw: st.DrawFn) -> Callable[[tuple[Property, ...]], tuple[Property, ...]]:
    """One change somewhere in an object's fields."""
    deeper, kind = draw(st.booleans()), draw(st.sampled_from(KINDS_OF_EDIT))
    place, name, shape = draw(st.integers(0, 2)), draw(st.sampled_from(NAMES)), draw(shapes())
    required, classification = draw(st.booleans()), draw(st.sampled_from(Classification))
    confined = {kind: draw(bounds(kind)) for kind in LogicalType}

    def edit(fields: tuple[Property, ...]) -> tuple[Property, ...]:
        index = place % len(fields)
        one = fields[index]
        if deeper and one.properties:
            return (*fields[:index], replace(one, properties=edit(one.properties)), *fields[index + 1 :])
        if deeper and one.items is not None:
            confining = {"items": replace(one.items, **confined[one.items.logical_type])}
            return (*fields[:index], replace(one, **confining), *fields[index + 1 :])
        others, taken = (*fields[:index], *fields[index + 1 :]), {each.name for each in fields}
        if kind == "add" and name not in taken:
            return (*fields, Property(name=name, description="a field", required=required, **shape))
        if kind == "remove" and others:
            return others
        changed: dict[str, dict[str, Any]] = {
            "rename": {} if name in taken else {"name": name},
            "require": {"required": required},
            "confine": confined[one.logical_type],
            "hold": shape,
            "say": {"classification": classification},
        }
        if kind == "hold":
            one = field(one.name, required=one.required)  # with nothing left of what it held
        return (*fields[:index], replace(one, **changed.get(kind, {"description": "another"})), *fields[index + 1 :])

    return edit


def _comparable(old: Contract, new: Contract) -> bool:
    """Whether no string is confined in another way than before.

    What a pattern admits cannot be compared with a length or a set of values: such a change is taken for breaking.
    """
    before, after = _confined(old), _confined(new)
    both = [(before[path], after[path]) for path in before.keys() & after.keys()]
    return all("" in ways or ways[0] == ways[1] for ways in both)


def _confined(contract: Contract) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, field in contract.walk():
        shape: Shape | None = field
        while shape is not None:
            ways = {"values": shape.values, "pattern": shape.limits.pattern, "length": shape.limits.min_length}
            found[path] = next((way for way, said in ways.items() if said is not None), "")
            path, shape = f"{path}[]", shape.items
    return found


@settings(max_examples=tries(300))
@given(objects(), st.lists(edits(), min_size=1, max_size=3))
def test_a_change_asks_for_a_model_exactly_when_an_old_document_or_an_old_reader_breaks(
    fields: tuple[Property, ...], edit: list[Callable[[tuple[Property, ...]], tuple[Property, ...]]]
) -> None:
    old = contract(*fields)
    for one in edit:
        fields = one(fields)
    new = contract(*fields)
    assume(_comparable(old, new))
    assert level(old, new) is by_documents(old, new), changes(old, new)


@given(objects())
def test_what_did_not_change_asks_for_nothing(fields: tuple[Property, ...]) -> None:
    assert changes(contract(*fields), contract(*fields)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected", "words"),
    [
        ([field("a"), field("b")], [field("a")], Level.MODEL, "b: removed"),
        ([field("a")], [field("a"), field("b", required=True)], Level.MODEL, "b: added, required"),
        ([field("a")], [field("a"), field("b")], Level.ADDITION, "b: added"),
        ([field()], [field(kind=LogicalType.NUMBER)], Level.MODEL, "a: string, now number"),
        ([field()], [field(required=True)], Level.MODEL, "a: now required"),
        ([field(required=True)], [field()], Level.REVISION, "a: no longer required"),
        ([field(quality=one_of("x", "y"))], [field(quality=one_of("x"))], Level.MODEL, "a: without y"),
        ([field(quality=one_of("x"))], [field(quality=one_of("x", "y"))], Level.REVISION, "a: with y"),
        (
            [field(logical_type_options=Limits(max_length=9))],
            [field(logical_type_options=Limits(max_length=5))],
            Level.MODEL,
            "a: length: -∞ to 9, now -∞ to 5",
        ),
        (
            [field("t", LogicalType.TIMESTAMP, logical_type_options=Limits(minimum="2000-01-01T00:00:00Z"))],
            [field("t", LogicalType.TIMESTAMP, logical_type_options=Limits(minimum="1990-01-01T00:00:00Z"))],
            Level.REVISION,
            "t: value: 2000-01-01T00:00:00Z to ∞, now 1990-01-01T00:00:00Z to ∞",
        ),
        (
            [field(kind=LogicalType.OBJECT)],
            [field(kind=LogicalType.OBJECT, properties=(field("b"),))],
            Level.MODEL,
            "a: any object, now object",
        ),
        ([field()], [field(classification=Classification.PERSONAL)], Level.ADDITION, "a: classification"),
        ([field()], [field(description="better said")], Level.ADDITION, "described otherwise"),
    ],
)
def test_each_change_is_named_with_what_it_asks_for(
    old: list[Property], new: list[Property], expected: Level, words: str
) -> None:
    [change] = changes(contract(*old), contract(*new))
    assert change.level is expected
    assert words in change.what


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"kafkaKey": "id"}, Level.MODEL),
        ({"dedupeKey": "id"}, Level.MODEL),
        ({"ordering": "none"}, Level.REVISION),
        ({"headers": {"record": "kind"}}, Level.MODEL),
        ({"headers": {"record": "kind", "trace": "trace", "hop": "hop"}}, Level.ADDITION),
    ],
)
def test_another_key_is_another_model(stated: dict[str, Any], expected: Level) -> None:
    before = {"kafkaKey": "lead", "dedupeKey": "source, id", "ordering": "raw", "headers": {"record": "", "trace": ""}}
    assert level(contract(field(), **before), contract(field(), **before | stated)) is expected


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"dedupe": "a hash"}, Level.MODEL),
        ({"key": ["other"]}, Level.MODEL),
        ({"makes": []}, Level.MODEL),
        ({"ordering": "by time"}, Level.REVISION),
        ({"contentTypes": ["application/json", "text/csv"]}, Level.ADDITION),
        ({"leavesOut": {"ip": "of no use"}}, Level.ADDITION),
    ],
)
def test_a_sources_statements_are_part_of_its_topics_contract(edit: dict[str, Any], expected: Level) -> None:
    [old] = [each for each in raw_contracts() if each.id == "raw.support"]
    first, *others = old.stated("sources")
    custom = tuple(
        replace(each, value=[first | edit, *others]) if each.property == "sources" else each
        for each in old.topic.custom_properties
    )
    new = replace(old, schema=(replace(old.topic, custom_properties=custom),))
    assert level(old, new) is expected
    fewer = (*custom[:-1], replace(custom[-1], value=others))
    without = replace(old, schema=(replace(old.topic, custom_properties=fewer),))
    assert level(old, without) is Level.MODEL
    assert level(without, old) is Level.ADDITION


def test_versions_are_ordered_and_say_what_comes_after() -> None:
    version = Version.parse("1-2-3")
    assert [str(version.after(one)) for one in Level] == ["1-2-3", "1-2-4", "1-3-0", "2-0-0"]
    assert Version.parse("1-10-0") > Version.parse("1-9-9")
    for written in ("1.0.0", "1-0", "01-0-0", "1-0-0 ", "١-0-0"):
        with pytest.raises(ValueError, match="expected MODEL-REVISION-ADDITION"):
            Version.parse(written)
