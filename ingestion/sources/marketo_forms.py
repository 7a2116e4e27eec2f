"""The attribute `Form Fields` of Marketo's activity Fill Out Form: PHP's `serialize` of an array of strings.

    a:2:{s:9:"FirstName";s:2:"Jo";s:5:"Email";s:11:"jo@acme.com";}

Invariant: nothing but strings and numbers is read, in one pass; objects and nested arrays end the reading.
"""

from __future__ import annotations

import re

MAX_FIELDS = 200

_HEAD = re.compile(rb"a:\d{1,6}:\{")
_STRING = re.compile(rb's:(\d{1,6}):"')
_SCALAR = re.compile(rb"(?:[id]:([-+.\dE]{1,40})|b:([01])|(N));")

# What Marketo's form adds to the visitor's answers.
_ADDED = frozenset(
    {
        *("module", "action", "formid", "formvid", "lpid", "subid", "munchkinid", "lpurl", "cr", "kw", "q", "returl"),
        *("returnurl", "followuplpid", "checksum", "checksumfields", "ispublic"),
    }
)


def form_fields(text: str) -> list[tuple[str, str]]:
    """The visitor's fields by name, as far as the text can be read."""
    data = text.encode("utf-8", "surrogatepass")  # lengths count bytes
    head = _HEAD.match(data)
    found: list[tuple[str, str]] = []
    position = head.end() if head else len(data)
    while len(found) < MAX_FIELDS and position < len(data):
        name, position = _scalar(data, position)
        value, position = _scalar(data, position)
        if name is None or value is None:
            break
        if name.lower() not in _ADDED and not name.startswith("_mkt"):
            found.append((name, value))
    return found


def _scalar(data: bytes, position: int) -> tuple[str | None, int]:
    """The scalar that begins at `position` and where the next one begins; None for anything else."""
    if string := _STRING.match(data, position):
        end = string.end() + int(string[1])
        if data[end : end + 2] != b'";':
            return None, position
        return data[string.end() : end].decode("utf-8", "replace"), end + 2
    if scalar := _SCALAR.match(data, position):
        return (scalar[1] or scalar[2] or b"").decode(), scalar.end()
    return None, position
