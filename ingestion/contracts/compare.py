"""What changed between two versions of a contract, and what each change asks of the version.

The rules, with documents made of the fields that a contract knows and readers that ignore others (ADR 13):

* MODEL: a document that the old contract admits is refused by the new one; or a field, its type, the Kafka key, the key
  of duplicates or a source that a reader relies on is gone or changed.
* REVISION: no such thing, but a document that the new contract admits may hold what the old one did not.
* ADDITION: anything else that is not the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ingestion.contracts.odcs import Contract, LogicalType, Property, Shape
from ingestion.contracts.version import Level

Edge = float | str | None


class Change(NamedTuple):
    """One change, in words, and what it asks of the version."""

    what: str
    level: Level


def changes(old: Contract, new: Contract) -> list[Change]:
    """Everything that changed but the version itself, gravest first; empty if nothing did."""
    found = [*_topic(old, new), *_fields("", old.topic.properties, new.topic.properties)]
    if not found and msgspec.structs.replace(old, version=new.version) != new:
        found.append(Change("described otherwise", Level.ADDITION))
    return sorted(found, key=lambda change: -change.level)


def _topic(old: Contract, new: Contract) -> Iterator[Change]:
    if old.topic.physical_name != new.topic.physical_name:
        yield Change(f"topic: {old.topic.physical_name}, now {new.topic.physical_name}", Level.MODEL)
    for name, level in (("kafkaKey", Level.MODEL), ("dedupeKey", Level.MODEL), ("ordering", Level.REVISION)):
        yield from _said(name, old.stated(name), new.stated(name), level)
    yield from _sets("headers", old.stated("headers") or (), new.stated("headers") or (), Level.ADDITION)
    before, after = ({each["system"]: each for each in one.stated("sources") or ()} for one in (old, new))
    yield from _sets("sources", before, after, Level.ADDITION)
    for system in before.keys() & after.keys():
        yield from _source(f"source {system}", before[system], after[system])


def _source(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in ("key", "dedupe"):
        yield from _said(f"{path}: {name}", old[name], new[name], Level.MODEL)
    yield from _said(f"{path}: ordering", old["ordering"], new["ordering"], Level.REVISION)
    for name in ("makes", "contentTypes"):
        yield from _sets(f"{path}: {name}", old[name], new[name], Level.ADDITION)


def _said(name: str, old: Any, new: Any, level: Level) -> Iterator[Change]:
    if old != new:
        yield Change(f"{name}: {old}, now {new}", level)


def _sets(path: str, old: Iterable[str], new: Iterable[str], more: Level) -> Iterator[Change]:
    before, after = set(old), set(new)
    if before - after:
        yield Change(f"{path}: without {', '.join(sorted(before - after))}", Level.MODEL)
    if after - before:
        yield Change(f"{path}: with {', '.join(sorted(after - before))}", more)


def _fields(path: str, old: Iterable[Property], new: Iterable[Property]) -> Iterator[Change]:
    before, after = {each.name: each for each in old}, {each.name: each for each in new}
    for name in before.keys() | after.keys():
        place = f"{path}{name}"
        if name not in after:
            yield Change(f"{place}: removed", Level.MODEL)
        elif name not in before:
            required = after[name].required
            words = "added, required" if required else "added"
            yield Change(f"{place}: {words}", Level.MODEL if required else Level.ADDITION)
        else:
            yield from _field(place, before[name], after[name])


def _field(path: str, old: Property, new: Property) -> Iterator[Change]:
    if new.required and not old.required:
        yield Change(f"{path}: now required", Level.MODEL)
    if old.required and not new.required:
        yield Change(f"{path}: no longer required", Level.REVISION)
    yield from _said(f"{path}: classification", old.classification, new.classification, Level.ADDITION)
    yield from _shapes(path, old, new)


def _shapes(path: str, old: Shape, new: Shape) -> Iterator[Change]:
    if (words := _type(old)) != _type(new):
        yield Change(f"{path}: {words}, now {_type(new)}", Level.MODEL)
        return
    yield from _values(path, old.values, new.values)
    yield from _pattern(path, old.limits.pattern, new.limits.pattern)
    before, after = _edges(old), _edges(new)
    for name in before.keys() | after.keys():
        yield from _range(f"{path}: {name}", before.get(name, (None, None)), after.get(name, (None, None)))
    if old.items is not None and new.items is not None:
        yield from _shapes(f"{path}[]", old.items, new.items)
    yield from _fields(f"{path}.", old.properties, new.properties)


def _type(shape: Shape) -> str:
    """The type in words; an object of which nothing is said is another type than one with fields."""
    if shape.logical_type is LogicalType.OBJECT and not shape.properties:
        return shape.physical_type or "any object"
    if shape.logical_type is LogicalType.ARRAY and shape.items is None:
        return "any array"
    return f"{shape.physical_type} {shape.logical_type}" if shape.physical_type else str(shape.logical_type)


def _values(path: str, old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> Iterator[Change]:
    if old is None and new is not None:
        yield Change(f"{path}: now one of {len(new)} values", Level.MODEL)
    elif old is not None and new is None:
        yield Change(f"{path}: now any value", Level.REVISION)
    else:
        yield from _sets(path, old or (), new or (), Level.REVISION)


def _pattern(path: str, old: str | None, new: str | None) -> Iterator[Change]:
    # Whether one pattern admits what another does cannot be told in general: a changed one is taken for narrower.
    yield from _said(f"{path}: pattern", old, new, Level.MODEL if new is not None else Level.REVISION)


def _edges(shape: Shape) -> dict[str, tuple[Edge, Edge]]:
    limits = shape.limits
    rules = [rule.implementation for rule in shape.quality if rule.severity == "error" and rule.implementation]
    return {
        "length": (limits.min_length, limits.max_length),
        "elements": (limits.min_items, limits.max_items),
        "value": (limits.minimum, limits.maximum),
        **{rule.kwargs["column"]: (rule.kwargs.get("min_value"), rule.kwargs.get("max_value")) for rule in rules},
    }


def _range(path: str, old: tuple[Edge, Edge], new: tuple[Edge, Edge]) -> Iterator[Change]:
    (low, high), (new_low, new_high) = (_lowest(old[0]), _highest(old[1])), (_lowest(new[0]), _highest(new[1]))
    words = f"{path}: {_between(*old)}, now {_between(*new)}"
    if new_low > low or new_high < high:
        yield Change(words, Level.MODEL)
    elif (new_low, new_high) != (low, high):
        yield Change(words, Level.REVISION)


def _lowest(edge: Edge) -> float:
    return float("-inf") if edge is None else _number(edge)


def _highest(edge: Edge) -> float:
    return float("inf") if edge is None else _number(edge)


def _number(edge: float | str) -> float:
    return datetime.fromisoformat(edge).timestamp() if isinstance(edge, str) else float(edge)


def _between(low: Edge, high: Edge) -> str:
    return f"{'-∞' if low is None else low} to {'∞' if high is None else high}"
