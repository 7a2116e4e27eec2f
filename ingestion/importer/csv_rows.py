"""CSV as rows: a header line, then a JSON object a record. Comma, semicolon or tab, as the header has it; UTF-8.

Cells are texts, and empty ones are left out. Invariant: a record that cannot be brought into JSON (another number of
cells than the header, an open quote, not UTF-8) is a row of its bytes as they are, and costs no other record.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from ingestion.errors import FileUnreadable
from ingestion.importer.json_rows import lines
from ingestion.importer.row import CSV, Cells, Columns, Row, TooLarge, within_cap
from ingestion.importer.unpack import Stream


class _Line(NamedTuple):
    number: int
    body: bytes | None


class _LineTooLarge(Exception):
    """A line is larger than a row may be."""


class _Lines:
    """Lines as the CSV reader takes them, which says how many a record has only by taking them."""

    def __init__(self, stream: Stream) -> None:
        self._ahead = (_Line(*line) for line in lines(stream))
        self._again: deque[_Line] = deque()
        self.taken: list[_Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._ahead)
        self.taken.append(line)
        if line.body is None:
            raise _LineTooLarge
        return line.body.decode("utf-8", "surrogateescape")

    def give_back_all_but_one(self) -> None:
        """A record is broken: its first line alone is, until the next ones are read anew."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def csv_rows(stream: Stream) -> Iterator[Row | TooLarge]:
    """A row for every record. Raises `FileUnreadable` for a header that cannot name the cells."""
    source = _Lines(stream)
    reader = csv.reader(source, delimiter=_delimiter(stream), strict=True)  # strict: quotes that do not fit are told
    columns: Columns | None = None
    while True:
        source.taken, fault = [], ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _LineTooLarge):
            source.give_back_all_but_one()
            cells, fault = [], "its quotes do not fit"
        if not cells and not fault:
            continue
        if columns is None:
            columns = _header(cells)
        else:
            yield _row(source.taken, cells, columns, fault)


def _delimiter(stream: Stream) -> str:
    header = stream.peek().split(b"\n", 1)[0]
    return max(",;\t", key=lambda mark: header.count(mark.encode()))


def _header(cells: list[str]) -> Columns:
    if not cells or not all(cell.isprintable() for cell in cells):
        raise FileUnreadable("line 1 is no header of column names in UTF-8")
    return Columns([cell.strip() for cell in cells])


def _row(taken: list[_Line], cells: list[str], columns: Columns, fault: str) -> Row | TooLarge:
    place = f"line {taken[0].number}"
    if not fault and len(cells) != len(columns.names):
        fault = f"cells: {len(cells)}, expected {len(columns.names)} as in the header"
    if not fault:
        try:
            return Cells(columns, tuple(cells)).row(place)
        except UnicodeEncodeError:
            fault = "it is not UTF-8"
    if taken[0].body is None:
        return TooLarge(place)
    body = b"".join(line.body for line in taken if line.body is not None)
    return within_cap(Row(place, body.rstrip(b"\r\n"), CSV, fault=fault))
