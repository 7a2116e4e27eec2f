"""Whatever a file's format and packing, its rows come out, and a broken row costs no other."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.decode import MAX_BYTES
from ingestion.errors import FileUnreadable
from ingestion.importer import json_rows
from ingestion.importer.inputs import find_inputs
from ingestion.importer.json_rows import value_rows
from ingestion.importer.row import CSV, Row, TooLarge
from tests.ingestion.importer.conftest import bodies_of, objects_of, rows_of

ROWS: list[dict[str, Any]] = [
    {"messageId": f"m{number}", "userId": "jo, “the boss”", "properties": {"plan": "pro\nannual", "note": 'say "hi"'}}
    for number in range(3)
]


def _lines() -> bytes:
    return b"\n\r\n".join(map(msgspec.json.encode, ROWS))


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def _csv(mark: str = ",", end: str = "\r\n") -> bytes:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    records = [[r["messageId"], r["userId"], r["properties"]["plan"], r["properties"]["note"]] for r in ROWS]
    header = mark.join(["messageId", "userId", "properties.plan", "properties.note"])
    lines = [header, *(mark.join(map(quoted, record)) for record in records)]
    return b"\xef\xbb\xbf" + "".join(line + end for line in lines).encode()


def _parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), file)
    return file.getvalue()


FILES = {
    "a.jsonl": _lines(),
    "lines.json": _lines(),
    "one-a-line-as-nothing-says": _lines(),
    "array.json": msgspec.json.encode(ROWS),
    "pretty-array.json": _pretty(ROWS),
    "one-after-the-other.json": b"".join(map(_pretty, ROWS)),
    "pages.json": msgspec.json.encode(ROWS[:2]) + b"\n" + msgspec.json.encode(ROWS[2:]),
    "a.csv": _csv(),
    "german.csv": _csv(";", "\n"),
    "a.tsv": _csv("\t"),
    "a.parquet": _parquet(),
}


def _zipped(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._" + name, b"\x00")
        archive.writestr("day/" + name, data)
    return file.getvalue()


PACKINGS: dict[str, Callable[[str, bytes], tuple[str, bytes]]] = {
    "plain": lambda name, data: (name, data),
    "gz": lambda name, data: (f"{name}.gz", gzip.compress(data)),
    "zip": lambda name, data: ("export.zip", _zipped(name, data)),
    "gz in a zip": lambda name, data: ("export.zip", _zipped(f"{name}.gz", gzip.compress(data))),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", FILES)
def test_every_format_in_every_packing_gives_the_same_rows(name: str, packing: str, tmp_path: Path) -> None:
    packed_name, packed = PACKINGS[packing](name, FILES[name])
    path = tmp_path / packed_name
    path.write_bytes(packed)
    assert objects_of(path) == ROWS


def test_json_rows_keep_their_bytes(tmp_path: Path) -> None:
    odd = [b'{"a" : 1.0,"a":2}', b'{"b":"\\u00e9\\ud83d"}']
    for name, data in [("a.jsonl", b"\n".join(odd)), ("a.json", b"[ " + b" , ".join(odd) + b" ]")]:
        (tmp_path / name).write_bytes(data)
        assert bodies_of(tmp_path / name) == odd


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\{}[],: \n€'),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='a"\\]}'), inner),
        )
    ),
    st.integers(1, 9),
    st.booleans(),
)
def test_an_array_falls_into_its_elements_wherever_it_is_cut_into_chunks(
    values: list[Any], chunk: int, pretty: bool
) -> None:
    body = msgspec.json.encode(values)
    file: Any = io.BytesIO(msgspec.json.format(body) if pretty else body)
    stream: Any = io.BufferedReader(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "CHUNK", chunk)
        assert [msgspec.json.decode(row.body) for row in value_rows(stream) if isinstance(row, Row)] == values


def test_a_broken_line_is_a_row_as_it_is_and_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":"2\n\xff\xfe\n{"a":3}')
    assert list(rows_of(path)) == [
        Row("line 1", b'{"a":1}'),
        Row("line 2", b'{"a":"2'),
        Row("line 3", b"\xff\xfe"),
        Row("line 4", b'{"a":3}'),
    ]


def test_a_broken_element_is_a_row_as_it_is_and_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"a":1}, nonsense, {"b":tru}, [2, {}], "x", {"a":3}]')
    bodies = [b'{"a":1}', b"nonsense", b'{"b":tru}', b"[2, {}]", b'"x"', b'{"a":3}']
    assert bodies_of(path) == bodies


def test_a_broken_csv_record_is_a_row_of_its_bytes_and_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,2\n3\n4,5,6\n\n"open,7\n8,"two\nlines"\n\xe4,9\n10,"x"y\n11,\n')
    found = [row for row in rows_of(path) if isinstance(row, Row)]
    assert [(row.place, row.body, row.fault) for row in found if row.media == CSV] == [
        ("line 3", b"3", "cells: 1, expected 2 as in the header"),
        ("line 4", b"4,5,6", "cells: 3, expected 2 as in the header"),
        ("line 6", b'"open,7', "its quotes do not fit"),
        ("line 9", b"\xe4,9", "it is not UTF-8"),
        ("line 10", b'10,"x"y', "its quotes do not fit"),
    ]
    assert [row.body for row in found if row.media != CSV] == [
        b'{"a":"1","b":"2"}',
        b'{"a":"8","b":"two\\nlines"}',
        b'{"a":"11"}',
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [("a,,b", "column 2 has no name"), ("a,b,a", "named 'a'"), ("a,a.b", "lies inside 'a'"), ("a\udcff,b", "line 1")],
)
def test_a_csv_header_that_cannot_name_the_cells_is_told(header: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(header.encode("utf-8", "surrogateescape") + b"\n1,2,3\n")
    with pytest.raises(FileUnreadable, match=reason):
        list(rows_of(path))


def test_parquet_values_keep_their_types(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    table = pa.table(
        {
            "seats": pa.array([7], pa.int64()),
            "share": pa.array([0.5], pa.float64()),
            "trial": pa.array([True]),
            "none": pa.array([None], pa.string()),
            "zoned": pa.array([moment], pa.timestamp("us", "Europe/Berlin")),
            "naive": pa.array([moment], pa.timestamp("us")),
            "nanos": pa.array([1_767_323_045_000_000_001], pa.timestamp("ns", "UTC")),
            "properties.tags": pa.array([["a", "b"]], pa.list_(pa.string())),
            "properties.map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())),
            "nested": pa.array([{"at": moment}], pa.struct([("at", pa.timestamp("us"))])),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (found,) = objects_of(tmp_path / "a.parquet")
    for name in ("zoned", "naive"):
        assert datetime.fromisoformat(found.pop(name)) == moment
    nanos = msgspec.convert(found.pop("nanos"), datetime)
    assert nanos - datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) < timedelta(microseconds=2)
    assert found == {
        "seats": 7,
        "share": 0.5,
        "trial": True,
        "properties": {"tags": ["a", "b"], "map": {"k": 1}},
        "nested": {"at": "2026-01-02T03:04:05.678901+00:00"},
    }


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_row_above_the_cap_is_named_and_costs_no_other(name: str, tmp_path: Path) -> None:
    files = {
        "a.jsonl": '{"a":"1"}\n{"a":"LARGE"}\n{"a":"3"}',
        "a.json": '[{"a":"1"},{"a":"LARGE"},{"a":"3"}]',
        "a.csv": "a,b\n1,\nLARGE,\n3,",
    }
    (tmp_path / name).write_text(files[name].replace("LARGE", "x" * MAX_BYTES))
    first, large, last = rows_of(tmp_path / name)
    assert isinstance(large, TooLarge)
    assert large.place == {"a.jsonl": "line 2", "a.json": "element 2", "a.csv": "line 3"}[name]
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert (first.body, last.body) == (b'{"a":"1"}', b'{"a":"3"}')


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
@pytest.mark.parametrize("start", [b"", b"[", b'{"a":"'])
def test_a_bomb_is_not_unpacked(name: str, start: bytes, tmp_path: Path) -> None:
    bomb = gzip.compress(start) + 150 * gzip.compress(b" " * 1_000_000)
    (tmp_path / f"{name}.gz").write_bytes(bomb)
    with pytest.raises(FileUnreadable, match=r"200 times its size|does not end|is no header"):
        list(rows_of(tmp_path / f"{name}.gz"))


def test_what_was_packed_before_the_damage_comes_out(tmp_path: Path) -> None:
    rows = [b'{"a":"%064x"}' % (number * 7919**9) for number in range(30_000)]
    packed = gzip.compress(b"\n".join(rows))
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    found: list[bytes] = []
    with pytest.raises(FileUnreadable, match="cut short"):
        found.extend(row.body for row in rows_of(tmp_path / "a.jsonl.gz") if isinstance(row, Row))
    assert found == rows[: len(found)]
    assert len(found) > 10_000


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.parquet", b"PAR1 and then nothing", "Parquet cannot be read"),
        ("a.zip", b"PK\x03\x04 and then nothing", "no readable index"),
        ("a.zip", _zipped("b.zip", _zipped("c.jsonl", b"{}")), "a zip inside a zip"),
        ("a.json", b'[{"a":1},', "in the middle of its JSON"),
        ("readme.txt", b"Hello", "format is unknown"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(name: str, data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileUnreadable, match=reason):
        list(rows_of(tmp_path / name))


def test_folders_and_patterns_name_each_file_once_without_other_programs_notes(tmp_path: Path) -> None:
    for name in ("2025/01.jsonl", "2025/02.jsonl", "2025/_SUCCESS", ".DS_Store", "2024.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_inputs([str(tmp_path), str(tmp_path / "2*.jsonl"), str(tmp_path / "2025" / "01.jsonl")])
    names = [each.name.removeprefix(f"{tmp_path}/") for each in found]
    assert names == ["2024.jsonl", "2025/01.jsonl", "2025/02.jsonl"]
    with pytest.raises(FileUnreadable, match="no such file"):
        find_inputs([str(tmp_path / "2023*")])
