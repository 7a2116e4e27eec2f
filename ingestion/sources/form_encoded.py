"""Form-urlencoded bodies: as fields, or with names in PHP's manner, `data[merges][FNAME]=Jo`, as JSON.

Invariant: the work is bounded by the number of fields and their depth, whatever is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ingestion.errors import ContractBroken, Undecodable

MAX_FIELDS = 500
MAX_DEPTH = 6

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def json_of_form(body: bytes, headers: Mapping[str, str]) -> bytes:  # noqa: ARG001 - an opener
    """The fields as one JSON object; of a name that is sent twice the last value counts, as in PHP.

    Raises what `fields_of_form` raises, and `ContractBroken` for fields that lie too deep or contradict each other.
    """
    form: dict[str, Any] = {}
    for name, value in fields_of_form(body):
        _put(form, name, value)
    return msgspec.json.encode(form)


def fields_of_form(body: bytes) -> list[tuple[str, str]]:
    """The fields by name, in order. Raises `Undecodable` for what is no form, `ContractBroken` for too many fields."""
    try:
        # `&` alone separates; a semicolon may stand in a value.
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise Undecodable("body: a field is not UTF-8") from None
    except ValueError:
        raise ContractBroken(f"body: more than {MAX_FIELDS} fields, expected at most that") from None
    if not fields:
        raise Undecodable("body: no field, expected application/x-www-form-urlencoded")
    return fields


def _put(form: dict[str, Any], name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:  # no nesting, as PHP takes unbalanced brackets
        form[name] = value
        return
    parts = [match[1], *_PART.findall(match[2])]
    if len(parts) > MAX_DEPTH:
        raise ContractBroken(f"body: a field of depth {len(parts)}, expected at most {MAX_DEPTH}")
    place = form
    for part in parts[:-1]:
        inner = place.setdefault(part or str(len(place)), {})
        if not isinstance(inner, dict):
            raise ContractBroken(f"body: a field at depth {len(parts)} lies in another field's value")
        place = inner
    last = parts[-1] or str(len(place))
    if isinstance(place.get(last), dict):
        raise ContractBroken("body: a field has both a value and fields of its own")
    place[last] = value
