"""What is tried with any bytes: each target takes some, and raises whatever a reader does wrong.

The laws: nothing is raised but the errors that reject a file (`PermanentError`); every record that was counted is read,
or malformed; whichever way a record is read, its values are the same; and where another reader calls the text
well-formed as well, they are that one's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final

import polars as pl

from filegate.errors import PermanentError
from filegate.formats import ExpectedColumn
from filegate.formats.records import Scalar
from filegate.formats.sources import Csv, Json, Parquet
from tests.property.test_formats_csv import one_by_one
from tests.reference_readers import assert_read_as_csv, assert_read_as_json, json_records
from tests.unit.formats.csv_oracle import header
from tests.unit.formats.support import Outcome, read_all

NAMES: Final = ("a", "b", "c")
WHOLE: Final = 8 << 20
DIALECTS: Final = tuple(
    Csv(delimiter=delimiter, quote=quote, escape=escape, trailing_delimiter=trailing, encoding="utf-8")
    for delimiter in ",;\t "
    for quote in ('"', "'", None)
    for escape in (None, "\\")
    for trailing in (False, True)
)
TYPES: Final = (None, pl.Int64(), pl.Float64(), pl.Date(), pl.Decimal(6, 2), pl.String())
CODECS: Final = ("utf-8", "utf-16", "utf-32", "utf-16-le", "cp1250", "cp1252", "koi8-r", "shift_jis", "big5", "cp437")


def csv(data: bytes) -> None:
    """The first two bytes choose the dialect, the columns, and what is compared: the way of reading, or the chunks."""
    dialect, shape, body = data[0], data[1], data[2:]
    source = DIALECTS[dialect % len(DIALECTS)]
    names = NAMES[: 1 + shape % 3]
    types = [TYPES[(shape >> 2) % len(TYPES)], None, TYPES[(shape >> 5) % len(TYPES)]][: len(names)]
    text = header(source, names) + body

    def read(*, chunk_bytes: int = WHOLE, typed: bool = False) -> Outcome:
        columns = [
            ExpectedColumn(name, dtype=dtype if typed else None) for name, dtype in zip(names, types, strict=True)
        ]
        return read_all(text, columns, source, chunk_bytes=chunk_bytes)

    with suppress(PermanentError):
        whole = read()
        assert_read_as_csv(whole, body, source, len(names))
        match dialect // len(DIALECTS) % 3:
            case 0:
                with one_by_one():
                    _assert_same(read(), whole)
            case 1:
                _assert_same(read(typed=True), whole)
            case _:
                _assert_same(read(chunk_bytes=1 + shape), whole)


def json(data: bytes) -> None:
    """The first byte chooses what the columns hold; the rest is lines of records, or an array, as it has it."""
    shape, text = data[0], data[1:]
    scalars: Sequence[Scalar] = ("text", "number", "boolean", "temporal")
    columns = [
        ExpectedColumn(name, required=False, scalar=scalars[(shape >> 2 * place) % 4], coerce=bool(shape & 0x40))
        for place, name in enumerate(NAMES)
    ]
    source = Json(encoding="utf-8")
    with suppress(PermanentError):
        whole = read_all(text, columns, source, on_unknown_columns="ignore")
        _assert_same(read_all(text, columns, source, on_unknown_columns="ignore", chunk_bytes=1 + shape), whole)
        if (records := json_records(text, whole.layout.format)) is not None:
            assert_read_as_json(whole, records, NAMES)


def encoding(data: bytes) -> None:
    """The first byte chooses a codec, which is declared or not; the rest is a column of texts."""
    codec = CODECS[data[0] % len(CODECS)]
    text = data[1:]
    with suppress(PermanentError):
        _assert_decoded(read_all(text, NAMES[:1], Csv(encoding=codec, header=False, quote=None)), text)
    with suppress(PermanentError):
        undeclared = read_all(text, NAMES[:1], Csv(header=False, quote=None))
        assert undeclared.layout.encoding.startswith("utf-"), "a guess"
        _assert_decoded(undeclared, text)


def _assert_decoded(outcome: Outcome, data: bytes) -> None:
    """Every value is in the text as Python decodes it; where it does not, only its invalid records are missing."""
    text = data.decode(outcome.layout.encoding, "replace")
    for (value,) in outcome.rows:
        assert value is None or (isinstance(value, str) and value in text), value


def parquet(data: bytes) -> None:
    """Any bytes as a Parquet file."""
    columns = [ExpectedColumn(name, required=False) for name in NAMES]
    with suppress(PermanentError):
        read_all(b"PAR1" + data, columns, Parquet(), on_unknown_columns="ignore")


def _assert_same(one: Outcome, other: Outcome) -> None:
    strings = [pl.concat(each.strings(each.frame) for each in outcome.records) for outcome in (one, other)]
    assert strings[0].equals(strings[1])
    assert one.malformed == other.malformed
    assert one.broken == other.broken
    assert one.offsets == other.offsets


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = MappingProxyType(
    {"csv": csv, "json": json, "encoding": encoding, "parquet": parquet}
)
