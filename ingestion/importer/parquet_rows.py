"""Parquet as rows: a JSON object each, its values typed as the file has them.

Times become RFC 3339; one without a zone is taken as UTC. Nulls are left out; a column `properties.plan` is a field of
a nested object, as in CSV.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.errors import FileUnreadable
from ingestion.importer.row import Cells, Columns, Row, TooLarge
from ingestion.importer.unpack import CHUNK, Stream, seekable

ROWS_AT_ONCE = 256


def parquet_rows(stream: Stream, spool: Path) -> Iterator[Row | TooLarge]:
    """A row for every row.

    Args:
        spool: folder for a nameless copy of a file that comes packed or through a pipe: its index is at its end.

    Raises:
        FileUnreadable: it is no Parquet, or damaged from some row on.
    """
    import pyarrow as pa  # imported here: most imports need no Arrow
    import pyarrow.parquet as pq

    number = 0
    with seekable(stream, spool) as file:
        try:
            # Read by the page and not by the column: memory does not grow with the file's row groups.
            table = pq.ParquetFile(file, buffer_size=CHUNK, pre_buffer=False, coerce_int96_timestamp_unit="us")
            columns = Columns(table.schema_arrow.names)
            for batch in table.iter_batches(ROWS_AT_ONCE, use_threads=False):
                for values in batch.to_pylist(maps_as_pydicts="lossy"):
                    number += 1
                    yield Cells(columns, tuple(map(_plain, values.values()))).row(f"row {number}")
        except (pa.ArrowException, OSError) as error:
            raise FileUnreadable(f"row {number + 1}: Parquet cannot be read: {type(error).__name__}") from None


def _plain(value: Any) -> Any:
    """As JSON has it, where the encoder does not see to it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
