"""JSON as rows that keep their bytes: a value a line, the elements of an array, or values one after the other.

Invariant: a row need not be valid JSON. What stands between two separators is a row, so that a broken one costs no
other, and the quarantine gets it as it was. Memory is bounded by `LONGEST`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingestion.decode import MAX_BYTES
from ingestion.errors import FileUnreadable
from ingestion.importer.row import Row, TooLarge, within_cap
from ingestion.importer.unpack import CHUNK, Stream

LONGEST = 16 * 1024 * 1024  # bytes: an element above `MAX_BYTES` is passed over, one above this ends the reading
_BOM = b"\xef\xbb\xbf"

# Up to the next bracket (in an array: or comma), strings skipped. What is inside the group is never tried twice.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*[\[\]{}]", re.DOTALL)
_TO_SEPARATOR = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*[\[\]{},]", re.DOTALL)


def lines(stream: Stream) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their ends, numbered from 1; None for one that is larger than `MAX_BYTES`."""
    number = 0
    while line := stream.readline(MAX_BYTES + 2):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line.rstrip(b"\r\n")) <= MAX_BYTES:
            yield number, line
        else:
            while line and not line.endswith(b"\n"):
                line = stream.readline(CHUNK)
            yield number, None


def line_rows(stream: Stream) -> Iterator[Row | TooLarge]:
    """A row for every line that is not blank."""
    for number, line in lines(stream):
        if line is None:
            yield TooLarge(f"line {number}")
        elif body := line.strip():
            yield Row(f"line {number}", body)


def value_rows(stream: Stream) -> Iterator[Row | TooLarge]:
    """A row for every element of an array, else for every value. Raises `FileUnreadable` for JSON without an end."""
    for number, value in enumerate(_values(stream), 1):
        yield within_cap(Row(f"element {number}", value))


def _values(stream: Stream) -> Iterator[bytes]:
    buffer, start, at = stream.read(CHUNK).removeprefix(_BOM), 0, 0
    depth, in_array = 0, False  # of brackets around `at`; whether the outermost is an array
    while True:
        found = (_TO_SEPARATOR if in_array and depth == 1 else _TO_BRACKET).match(buffer, at)
        if found is None:
            if len(buffer) - start > LONGEST:
                raise FileUnreadable(f"an element does not end in {LONGEST:,} bytes: is a quote or bracket missing?")
            more = stream.read(max(CHUNK, len(buffer) - start))  # ever more, for the beginning is searched again
            if not more:
                break
            buffer, at, start = buffer[start:] + more, at - start, 0
            continue
        at = found.end()
        mark = buffer[at - 1 : at]
        if mark in b"[{":
            depth += 1
            if depth == 1:
                in_array = mark == b"["
            if depth > 1 or not in_array:
                continue
            end = at - 1  # what stands before an array that opens is a row, too
        elif mark == b",":
            end = at - 1
        else:
            depth = max(0, depth - 1)
            if depth > 0:
                continue
            end = at - 1 if in_array else at
        value, start = buffer[start:end].strip(), at
        if value:
            yield value
    if rest := buffer[start:].strip():
        yield rest
    if depth:
        raise FileUnreadable("ends in the middle of its JSON: is it cut short?")
