"""A data contract as a file: the part of the Open Data Contract Standard 3.1 that Leadline writes and reads.

Reference: bitol-io.github.io/open-data-contract-standard/v3.1.0. Reading is strict: a word that is not of this part is
an error, so that no statement in a contract goes unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import msgspec

from ingestion.contracts.version import Version
from ingestion.errors import BadContract


class LogicalType(StrEnum):
    """The standard's types, as far as JSON has them."""

    STRING = "string"
    TIMESTAMP = "timestamp"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"


class Classification(StrEnum):
    """What a field may say about a person."""

    OPEN = "open"  # nothing
    PSEUDONYMOUS = "pseudonymous"  # somebody, known by a keyed hash or an id that names nobody
    SEALED = "sealed"  # personal data, encrypted under the person's own key
    PERSONAL = "personal"  # personal data in the clear


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    pass


class Limits(_Part, frozen=True, kw_only=True):
    """What the standard calls logical type options. Both edges are included."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    minimum: float | str | None = None  # of a timestamp: RFC 3339
    maximum: float | str | None = None


class Arguments(_Part, frozen=True, kw_only=True):
    """What a metric is told."""

    valid_values: tuple[str, ...] = ()


class Implementation(_Part, frozen=True, kw_only=True):
    """An expectation in Great Expectations' own words."""

    type: Literal["expect_column_values_to_be_between"]
    kwargs: dict[str, Any]
    mostly: float = 1.0


class Rule(_Part, frozen=True, kw_only=True):
    """A rule of quality. An `error` sets the event aside, a `warning` is said of a window of events."""

    severity: Literal["error", "warning"]
    description: str | None = None
    type: Literal["library", "custom"] = "library"
    metric: Literal["invalidValues", "nullValues"] | None = None
    arguments: Arguments | None = None
    must_be: Literal[0] | None = None
    must_be_less_than: float | None = None  # percent
    unit: Literal["percent"] | None = None
    engine: Literal["greatExpectations"] | None = None
    implementation: Implementation | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for a rule that says nothing, or two things."""
        closed_set = self.metric == "invalidValues" and self.arguments is not None and self.must_be == 0
        nulls = self.metric == "nullValues" and self.must_be_less_than is not None and self.unit is not None
        custom = self.type == "custom" and self.engine is not None and self.implementation is not None
        if [closed_set, nulls, custom].count(True) != 1:
            raise ValueError("a rule is invalidValues with validValues, nullValues with percent, or an expectation")


class Shape(_Part, frozen=True, kw_only=True):
    """What a field holds, or each element of an array."""

    logical_type: LogicalType
    physical_type: str | None = None  # `map of strings` of an object; of a record's part `key`, `header` or `value`
    logical_type_options: Limits | None = None
    properties: tuple[Property, ...] = ()
    items: Shape | None = None
    quality: tuple[Rule, ...] = ()

    @property
    def limits(self) -> Limits:
        """Its limits; empty ones where none are stated."""
        return self.logical_type_options or Limits()

    @property
    def values(self) -> tuple[str, ...] | None:
        """The values that are valid, where they are a closed set."""
        return next((rule.arguments.valid_values for rule in self.quality if rule.arguments), None)

    @property
    def fields(self) -> tuple[Property, ...]:
        """The fields of the object, or of each object in the array."""
        return self.items.properties if self.items is not None else self.properties


class Property(Shape, frozen=True, kw_only=True):
    """A field. One that is not required may be left out."""

    name: str
    description: str
    required: bool = False
    classification: Classification | None = None


class Custom(_Part, frozen=True, kw_only=True):
    """A statement that the standard has no word for."""

    property: str
    value: Any
    description: str | None = None


class Promise(_Part, frozen=True, kw_only=True):
    """A property of the service level."""

    property: Literal["retention", "timeToDetect"]
    value: float
    unit: Literal["s", "d"]
    description: str


class Topic(_Part, frozen=True, kw_only=True):
    """The standard's schema object: what lies on one topic."""

    name: str
    physical_name: str
    description: str
    logical_type: Literal["object"]
    physical_type: Literal["topic"]
    properties: tuple[Property, ...]
    custom_properties: tuple[Custom, ...] = ()


class Description(_Part, frozen=True, kw_only=True):
    """What the data are for."""

    purpose: str
    usage: str
    limitations: str


class Contract(_Part, frozen=True, kw_only=True):
    """A contract about one topic."""

    api_version: Literal["v3.1.0"]
    kind: Literal["DataContract"]
    id: str
    version: str
    status: Literal["draft", "active", "deprecated", "retired"]
    name: str
    description: Description
    schema: tuple[Topic]
    sla_properties: tuple[Promise, ...] = ()

    @property
    def at(self) -> Version:
        """Its version, to be compared."""
        return Version.parse(self.version)

    @property
    def topic(self) -> Topic:
        """What lies on its topic."""
        return self.schema[0]

    @property
    def file_name(self) -> str:
        """How its file is called."""
        return f"{self.id}-{self.version}.odcs.yaml"

    def stated(self, name: str) -> Any:
        """A custom property's value; `None` where the contract does not state it."""
        return next((each.value for each in self.topic.custom_properties if each.property == name), None)

    def walk(self) -> Iterator[tuple[str, Property]]:
        """Every field with its path: `claims`, then `claims[].type`, …"""
        return _walk(self.topic.properties, "")


def _walk(properties: Iterable[Property], before: str) -> Iterator[tuple[str, Property]]:
    for each in properties:
        path = f"{before}{each.name}"
        yield path, each
        yield from _walk(each.fields, f"{path}[]." if each.items is not None else f"{path}.")


def read(path: Path) -> Contract:
    """The contract in a file; raises `BadContract` naming what is wrong with it."""
    try:
        contract = msgspec.yaml.decode(path.read_bytes(), type=Contract)
        if path.name != contract.file_name:
            raise BadContract(f"{path}: expected the name {contract.file_name}, by its id and version")
        _ = contract.at
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        raise BadContract(f"{path}: {error}") from None
    return contract


def write(contract: Contract, note: str) -> str:
    """The contract as YAML, under a comment."""
    return f"# {note}\n{msgspec.yaml.encode(contract).decode()}"
