"""Which format a file has: by its name, and where that does not say, by how it begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

import msgspec

from ingestion.errors import FileUnreadable
from ingestion.importer.csv_rows import csv_rows
from ingestion.importer.json_rows import line_rows, value_rows
from ingestion.importer.parquet_rows import parquet_rows
from ingestion.importer.row import Row, TooLarge
from ingestion.importer.unpack import Stream

LINES, TABLES, PARQUET = (".jsonl", ".ndjson"), (".csv", ".tsv"), (".parquet", ".pq")

_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


def rows(name: str, stream: Stream, spool: Path) -> Iterator[Row | TooLarge]:
    """The rows of a file called `name`; standard input has none, and is CSV if it begins like nothing else.

    Raises:
        FileUnreadable: its format is unknown, or it cannot be read on; the rows before that were given.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in LINES:
        return line_rows(stream)
    if suffix in TABLES:
        return csv_rows(stream)
    head = stream.peek().lstrip(b"\xef\xbb\xbf \t\r\n")
    if suffix in PARQUET or head.startswith(b"PAR1"):
        return parquet_rows(stream, spool)
    if head.startswith((b"{", b"[")) or suffix == ".json" or not head:
        return line_rows(stream) if _is_lines(head) else value_rows(stream)
    if not name:
        return csv_rows(stream)
    raise FileUnreadable("its format is unknown; name it .jsonl, .json, .csv, .tsv or .parquet (also with .gz), or zip")


def _is_lines(head: bytes) -> bool:
    """Whether JSON is one object a line, and neither an array nor an object over several lines."""
    first, newline, _ = head.partition(b"\n")
    if not newline:
        return head.startswith(b"{")
    try:
        _decode_any(first)
    except msgspec.DecodeError:
        return False
    return not head.startswith(b"[")
