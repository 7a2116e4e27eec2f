"""Values as the serialisers of a schema registry frame them: a zero byte, the schema's id, then the payload.

Reference: docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop, "Wire format". No JSON, XML
or form begins with a zero byte, so a frame is known by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from ingestion.errors import UnknownVersion

_MAGIC = 0
_HEAD = 5  # the zero byte, and four bytes of id, the highest first

# What a registry says of schema ids: why one is refused, or None of one that is allowed.
Schemas = Mapping[int, UnknownVersion | None]
NO_SCHEMAS: Schemas = MappingProxyType({})
Resolve = Callable[[Iterable[bytes]], Schemas]  # of every schema that one of the values is framed with


def unasked(_: Iterable[bytes]) -> Schemas:
    """Where no registry is asked."""
    return NO_SCHEMAS


def schema_id(value: bytes) -> int | None:
    """The id of the schema that a value is framed with; `None` for a value without a frame."""
    return int.from_bytes(value[1:_HEAD], "big") if len(value) > _HEAD and value[0] == _MAGIC else None


def payload(value: bytes) -> bytes:
    """A value without its frame."""
    return value if schema_id(value) is None else value[_HEAD:]


def refusal(value: bytes, schemas: Schemas) -> UnknownVersion | None:
    """Why a value is refused for its schema; `None` of one that is allowed, and of one without a frame."""
    number = schema_id(value)
    if number is None:
        return None
    if number not in schemas:
        return UnknownVersion(
            f"body: framed with schema id {number}, expected no frame, for no registry is asked. "
            "Set LEADLINE_SCHEMA_REGISTRY_URL, then replay"
        )
    return schemas[number]
