"""Bodies of `multipart/form-data`, as forms with `enctype` and scripts with `FormData` send them.

Invariant: the work grows with the body's length only. Files are left out.
"""

from __future__ import annotations

import re

from ingestion.errors import ContractBroken, Undecodable
from ingestion.sources.form_encoded import MAX_FIELDS

_BOUNDARY = re.compile(r'boundary="?([^\s";,]{1,70})', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name="([^"\r\n]*)"', re.IGNORECASE)
_FILE = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)
_MAX_HEAD = 1000  # bytes of a part's headers


def fields_of_parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The fields by name, in order (RFC 7578). Raises `Undecodable` for what is no such body, `ContractBroken` for
    too many fields.
    """
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise Undecodable("header content-type: has no boundary, expected multipart/form-data; boundary=…")
    before, *parts = (b"\r\n" + body).split(f"\r\n--{boundary[1]}".encode())
    if before.strip() or not parts or not parts[-1].startswith(b"--"):
        raise Undecodable("body: is cut short, expected parts between boundaries")
    if len(parts) > MAX_FIELDS + 1:
        raise ContractBroken(f"body: more than {MAX_FIELDS} fields, expected at most that")
    return [field for part in parts[:-1] if (field := _field(part)) is not None]


def _field(part: bytes) -> tuple[str, str] | None:
    """A part's name and value; `None` for a file."""
    head, _, value = part.partition(b"\r\n\r\n")
    name = _NAME.search(head) if len(head) <= _MAX_HEAD else None
    if name is None:
        raise Undecodable("body: a part has no name, expected Content-Disposition: form-data; name=…")
    return None if _FILE.search(head) else (name[1].decode(), value.decode())
