"""One row of a file, whatever the file's format, and the cells of a table's row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import msgspec

from ingestion.decode import MAX_BYTES
from ingestion.errors import FileUnreadable

JSON = "application/json"
CSV = "text/csv"


class Row(NamedTuple):
    """One row, to become one raw message."""

    place: str  # in its file, for people: `line 17`
    body: bytes
    media: str = JSON  # of the bytes: another type for a row that could not be brought into JSON
    cells: Cells | None = None  # of a table
    fault: str = ""  # why it could not be brought into JSON


class TooLarge(NamedTuple):
    """A row larger than `MAX_BYTES`, which no raw message may be."""

    place: str


def within_cap(row: Row) -> Row | TooLarge:
    """The row, unless it is too large."""
    return row if len(row.body) <= MAX_BYTES else TooLarge(row.place)


class Columns:
    """The names of a table's columns. A dotted one, `properties.plan`, is a field of a nested object."""

    def __init__(self, names: Sequence[str]) -> None:
        """Raises `FileUnreadable` for a column without a name, and for names that contradict each other."""
        self.names = tuple(names)
        if "" in names:
            raise FileUnreadable(f"header: column {names.index('') + 1} has no name; name it or drop it")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise FileUnreadable(f"header: two columns are named {twice!r}; rename one")
        for name in names:
            if parent := next((other for other in names if name.startswith(f"{other}.")), None):
                raise FileUnreadable(f"header: {name!r} lies inside {parent!r}, which has values of its own")
        self._paths = [tuple(name.split(".")) for name in names]

    def object_of(self, values: Sequence[Any]) -> dict[str, Any]:
        """The values by their names; empty cells (an empty text, null) are left out."""
        found: dict[str, Any] = {}
        for (*outer, name), value in zip(self._paths, values, strict=True):
            if value is None or value == "":
                continue
            place = found
            for part in outer:
                place = place.setdefault(part, {})
            place[name] = value
        return found


class Cells(NamedTuple):
    """A table's row."""

    columns: Columns
    values: tuple[Any, ...]

    def row(self, place: str) -> Row | TooLarge:
        """As a JSON object."""
        body = msgspec.json.encode(self.columns.object_of(self.values), enc_hook=str)
        return within_cap(Row(place, body, cells=self))

    def reading_json(self, name: str) -> Self | None:
        """The same cells with the text of column `name` read as JSON (a number, an object); None if it is none."""
        if name not in self.columns.names:
            return None
        at = self.columns.names.index(name)
        if not isinstance(self.values[at], str):
            return None
        try:
            value = msgspec.json.decode(self.values[at])
        except (msgspec.DecodeError, RecursionError):
            return None
        return self._replace(values=(*self.values[:at], value, *self.values[at + 1 :]))
