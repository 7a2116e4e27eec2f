"""A contract as JSON Schema (2020-12), for publishers to validate with: what it admits, the platform reads.

Fields that the contract does not know are admitted, as readers ignore them; one that is not required may be left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ingestion.contracts.odcs import Contract, LogicalType, Property, Shape

MAP_OF_STRINGS = "map of strings"


def json_schema(contract: Contract) -> dict[str, Any]:
    """The schema of one value on the contract's topic."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{contract.id}/{contract.version}",
        "title": contract.name,
        "description": contract.description.purpose,
        **_object(contract.topic.properties),
    }


def _object(properties: tuple[Property, ...]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if properties:
        schema["properties"] = {each.name: {"description": each.description} | _shape(each) for each in properties}
    if required := [each.name for each in properties if each.required]:
        schema["required"] = required
    return schema


def _shape(shape: Shape) -> dict[str, Any]:
    if shape.logical_type is LogicalType.OBJECT:
        strings = {"additionalProperties": {"type": "string"}} if shape.physical_type == MAP_OF_STRINGS else {}
        return _object(shape.properties) | strings
    if shape.logical_type is LogicalType.TIMESTAMP:
        return {"type": "string", "format": "date-time"}  # JSON Schema knows no limits of a time
    schema: dict[str, Any] = {"type": str(shape.logical_type)} | msgspec.to_builtins(shape.limits)
    if shape.items is not None:
        schema["items"] = _shape(shape.items)
    if shape.values is not None:
        schema["enum"] = list(shape.values)
    return schema
