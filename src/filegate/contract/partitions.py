"""Partition values as folders, `month=2026-01/`, spelled so that readers of Hive partitions get the value back."""

from __future__ import annotations

import re
from urllib.parse import quote

import polars as pl

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
MAX_FOLDER_BYTES = 255
"""Bytes of a folder's name that file systems allow: published files are copied to them."""

_PLAIN = r"A-Za-z0-9_.~ -"
_NOT_IN_XML = re.compile("[\ufffe\uffff]")  # S3's delete request lists keys as XML


class NotAFolder(ValueError):
    """A value or type that no folder's name gives back to readers; `str()` completes the sentence "It …"."""


def folder(name: str, values: pl.Series) -> str:
    """The folder of the rows of one partition: `<name>=<value>`.

    Args:
        name: the column.
        values: its values, which are all equal.

    Raises:
        NotAFolder: readers would not get this value back.
    """
    found = f"{name}={_spelled(values)}"
    if len(found.encode()) > MAX_FOLDER_BYTES:
        raise NotAFolder(f"makes a folder's name longer than {MAX_FOLDER_BYTES} bytes")
    return found


def check_type(dtype: pl.DataType) -> None:
    """Raises NotAFolder for a type whose values readers do not find in folders' names."""
    if dtype.is_nested():
        raise NotAFolder("holds several values a row")
    if isinstance(dtype, pl.Binary | pl.Duration | pl.Object):
        raise NotAFolder(f"has the type {dtype}, which readers do not find in folders' names")


def check_name(name: str) -> None:
    """Raises NotAFolder for a column whose name would be read as another one, or whose folders would be hidden."""
    if name.startswith(("_", ".")):
        raise NotAFolder("begins with an underscore or a dot: readers pass over such folders")
    if not name or _escaped(name) != name:
        raise NotAFolder(f"would have to be written as {_escaped(name)!r}, which not every reader takes back")


def not_a_folder(name: str) -> pl.Expr:
    """Whether a value of a String, Categorical or Enum column has no folder; false for null."""
    text = pl.col(name).cast(pl.String)
    room = MAX_FOLDER_BYTES - len(f"{name}=".encode())
    long = pl.when(text.str.len_bytes() * 3 > room).then(text)  # few are: only these are looked into
    too_long = long.str.len_bytes() + 2 * long.str.count_matches(rf"[[\x00-\x7f]--[{_PLAIN}]]") > room
    not_in_xml = text.str.contains(_NOT_IN_XML.pattern)
    return ((text == "") | (text == HIVE_NULL) | not_in_xml | too_long.fill_null(False)).fill_null(False)


def allowed(name: str) -> str:
    """The values for which `not_a_folder` is false, for a person to read."""
    room = MAX_FOLDER_BYTES - len(f"{name}=".encode())
    size = f"at most {room} bytes when percent-encoded"
    return f"a partition's value: not empty, not {HIVE_NULL}, without U+FFFE and U+FFFF, and {size}"


def _spelled(values: pl.Series) -> str:
    check_type(values.dtype)
    if values.is_null()[0]:
        return HIVE_NULL
    text = _text(values)
    if not text:
        raise NotAFolder("is empty, and Spark and Hive refuse a folder without a value")
    if text == HIVE_NULL:
        raise NotAFolder(f"is {HIVE_NULL}, which readers take for null")
    if _NOT_IN_XML.search(text):
        raise NotAFolder("holds U+FFFE or U+FFFF, which S3's requests cannot carry")
    return _escaped(text)


def _text(values: pl.Series) -> str:
    """The first value, as Python writes it."""
    dtype = values.dtype
    if isinstance(dtype, pl.Time) and values.dt.nanosecond()[0] % 1_000:  # Python's have microseconds
        return str(values.head(1).dt.to_string("%H:%M:%S%.9f")[0])
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns" and values.dt.nanosecond()[0] % 1_000:
        return str(values.head(1).cast(pl.String)[0])
    try:
        value = values[0]
    except (ValueError, OverflowError):
        raise NotAFolder("lies outside the years 1 to 9999") from None
    if dtype.is_float():
        value += 0.0  # -0.0 equals 0.0: both are this one
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    """Percent-encoded, but for characters beyond ASCII: Spark and Hive take each `%XX` for a character of its own."""
    return re.sub(r"[\x00-\x7f]+", lambda ascii_: quote(ascii_[0], safe=" "), text)
