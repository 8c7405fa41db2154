"""Hostile Parquet: footers that announce or hold more than any file needs, and pages that expand.

No library would write such footers; the numbers are those of the fields in
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from harness.hostile.file import HostileFile
from harness.hostile.thrift import LIST, STRUCT, Value, i32, i64, list_header, sequence, struct, text

MAGIC: Final = b"PAR1"
_INT64, _PLAIN, _REQUIRED, _UNCOMPRESSED, _DATA_PAGE = 2, 0, 0, 0, 0


def row_groups(count: int, columns: int = 10) -> bytes:
    """A file of so many row groups, which all consist of the same page: each has one row."""
    numbers = struct({1: i32(1), 2: i32(_PLAIN), 3: i32(_PLAIN), 4: i32(_PLAIN)})
    header = struct({1: i32(_DATA_PAGE), 2: i32(8), 3: i32(8), 5: numbers})[1]
    page = header + (1).to_bytes(8, "little")
    names = ["id", *(f"unknown_{number}" for number in range(1, columns))]

    def chunk(name: str) -> Value:
        meta: dict[int, Value] = {1: i32(_INT64), 2: sequence([i32(_PLAIN)]), 3: sequence([text(name)])}
        meta |= {4: i32(_UNCOMPRESSED), 5: i64(1), 6: i64(len(page)), 7: i64(len(page)), 9: i64(len(MAGIC))}
        return struct({2: i64(len(MAGIC)), 3: struct(meta)})

    group = struct({1: sequence([chunk(name) for name in names]), 2: i64(columns * len(page)), 3: i64(1)})
    return MAGIC + page + _footer(names, count, sequence([group], times=count))


def announced(groups: int = 100_000_000) -> bytes:
    """Some fifty bytes that announce a hundred million row groups: a reader may allocate 7 GB for them."""
    return MAGIC + _footer(["id"], groups, (LIST, list_header(groups, STRUCT)))


def announced_columns(count: int = 2_000_000_000) -> bytes:
    """A footer that announces two billion columns."""
    data = struct({1: i32(1), 2: (LIST, list_header(count, STRUCT))})[1]
    return MAGIC + data + len(data).to_bytes(4, "little") + MAGIC


def _footer(names: list[str], rows: int, groups: Value) -> bytes:
    """FileMetaData, its length, and the magic number."""
    root = struct({4: text("schema"), 5: i32(len(names))})
    leaves = [struct({1: i32(_INT64), 3: i32(_REQUIRED), 4: text(name)}) for name in names]
    data = struct({1: i32(1), 2: sequence([root, *leaves]), 3: i64(rows), 4: groups})[1]
    return data + len(data).to_bytes(4, "little") + MAGIC


def _written(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def long_values_by_dictionary(rows: int = 30, length: int = 64 << 20) -> bytes:
    """One string of 64 MB that each row names, compressed to next to nothing."""
    return _written(
        {"id": list(range(rows)), "text": pa.DictionaryArray.from_arrays([0] * rows, ["x" * length])},
        compression="zstd",
        dictionary_pagesize_limit=2 * length,
        write_statistics=False,
        store_schema=False,
    )


def values_that_compress(rows: int = 30, length: int = 16 << 20) -> bytes:
    """Strings of 16 MB without a dictionary, compressed to next to nothing."""
    return _written(
        {"id": list(range(rows)), "text": ["x" * length] * rows},
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
    )


def one_value_for_all(rows: int = 20_000_000) -> bytes:
    """Millions of rows with one value, run-length encoded."""
    numbers = pa.array([1], pa.int64()).take(pa.array([0] * 1000))
    column = pa.chunked_array([numbers] * (rows // 1000))
    return _written({"id": column, "text": pa.nulls(rows, pa.string())}, compression="zstd", row_group_size=rows)


def many_columns(count: int = 20_000) -> bytes:
    return _written({"id": [1], "text": ["x"]} | {f"unknown_{number}": [1] for number in range(count)})


def nested_schema(depth: int = 5_000) -> bytes:
    """A column within a group within a group, and so on."""
    root = struct({4: text("schema"), 5: i32(2)})
    groups = [struct({3: i32(1), 4: text("g"), 5: i32(1)}) for _ in range(depth)]
    leaves = [struct({1: i32(_INT64), 3: i32(1), 4: text("leaf")}), struct({1: i32(_INT64), 3: i32(1), 4: text("id")})]
    schema = sequence([root, *groups, *leaves])
    data = struct({1: i32(1), 2: schema, 3: i64(0), 4: (LIST, list_header(0, STRUCT))})[1]
    return MAGIC + data + len(data).to_bytes(4, "little") + MAGIC


def _file(name: str, content: Any, dataset: str = "narrow") -> HostileFile:
    def pieces() -> Iterable[bytes]:
        return [content()]

    return HostileFile(name, dataset, "parquet", pieces)


PARQUET_FILES: Final = (
    _file("a footer that announces 7 GB", announced),
    _file("a footer that announces 2 billion columns", announced_columns),
    _file("groups 5,000 deep", nested_schema),
    _file("30 strings of 64 MB by dictionary", long_values_by_dictionary),
    _file("30 strings of 16 MB", values_that_compress),
    _file("20 million equal rows", one_value_for_all),
    _file("20,000 unknown columns", many_columns),
    _file("20,000 unknown columns, rescued", many_columns, "rescued"),
    _file("300,000 row groups", lambda: row_groups(300_000)),
)
