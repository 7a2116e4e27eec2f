"""One Salesforce record as a message tells of it, and the two forms of its id.

Invariant: `fields` holds only what the message says of the record. What was left out of the message is not in it, and
a `None` in it is a field that was set to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestion.errors import ContractBroken
from ingestion.sources.fields import MAX_NAMED, broken

_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(?:\.[A-Za-z][A-Za-z0-9_]{0,79})?")
_CHECK_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass(frozen=True, slots=True)
class Record:
    """A record, and what happened to it."""

    entity: str  # Lead, Contact, …
    id: str | None  # 18 characters; an overflow names no record
    verb: str  # created, updated, deleted, restored; sent: its state, whatever happened
    fields: Mapping[str, Any] = field(default_factory=dict)  # by name, of a compound field `Name.LastName`
    unread: tuple[str, ...] = ()  # fields that changed, whose new value the message does not hold
    gap: str | None = None  # gap_update, …: the message holds no fields, the record must be read again


def record_id(value: object, field: str) -> str:
    """An id in the form of 18 characters, which is the same id where case is lost.

    The three characters more are a checksum of which letters of the other fifteen are capitals, five letters each
    (help.salesforce.com, "Convert 15 character ID to 18 character ID"). Raises `ContractBroken` for what is no id.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise broken(field, value, "a record id of 15 or 18 letters and digits")
    if len(value) == 18:
        return value
    groups = (value[start : start + 5] for start in (0, 5, 10))
    return value + "".join(
        _CHECK_CHARACTERS[sum(1 << place for place, letter in enumerate(group) if letter.isupper())] for group in groups
    )


def reference(fields: Mapping[str, Any], name: str) -> str | None:
    """The id in a field that refers to another record, if it is there and not empty."""
    value = fields.get(name)
    return None if value is None or value == "" else record_id(value, name)


def field_name(name: str, where: str) -> str:
    """A field's name, which may stand in the clear; raises `ContractBroken` for anything else."""
    if not _FIELD.fullmatch(name):
        shown = f"'{name}'" if len(name) <= MAX_NAMED and name.isidentifier() and name.isascii() else "another text"
        raise ContractBroken(f"{where}: {shown} is no field's name, expected letters, digits and underscores")
    return name


def leaves(payload: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a payload, those of compound fields as `Name.LastName`."""
    for name, value in payload.items():
        if isinstance(value, dict):
            for inner, part in value.items():
                yield field_name(f"{name}.{inner}", "payload"), part
        else:
            yield field_name(name, "payload"), value
