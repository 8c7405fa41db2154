"""Parquet, whose values have types of their own."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from .case import of_parquet, parquet


def _at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts)  # type: ignore[arg-type] # noqa: DTZ001 - local


_TYPED = pl.DataFrame(
    {
        "n": pl.Series([1, None, 127, 300], dtype=pl.Int64),
        "x": [1.5, float("nan"), None, 1e300],
        "t": ["a", "", None, "ü"],
        "flag": [True, False, None, True],
        "day": [dt.date(2024, 2, 29), None, dt.date(1, 1, 1), dt.date(9999, 12, 31)],
        "at": [_at(2024, 1, 1, 12, 30, 15, 123456), None, _at(1600, 1, 1), _at(2262, 5, 1)],
        "clock": [dt.time(9, 30), None, dt.time(23, 59, 59, 999999), dt.time(0)],
        "money": pl.Series([Decimal("1.50"), None, Decimal("0.00"), Decimal("-9.99")], dtype=pl.Decimal(9, 2)),
        "word": pl.Series(["a", "b", None, "a"], dtype=pl.Categorical),
    }
)
_SAME = """{
    "n": Column(pl.Int64, nullable=True), "x": Column(pl.Float64, nullable=True), "t": Column(str, nullable=True),
    "flag": Column(bool, nullable=True), "day": Column(pl.Date, nullable=True),
    "at": Column(pl.Datetime("us"), nullable=True), "clock": Column(pl.Time, nullable=True),
    "money": Column(pl.Decimal(9, 2), nullable=True), "word": Column(pl.Categorical(), nullable=True)}"""
_OTHER = """{
    "n": Column(pl.Int8, nullable=True), "x": Column(pl.Float32, nullable=True), "t": Column(str, nullable=True),
    "flag": Column(str, nullable=True), "day": Column(pl.Datetime("ms"), nullable=True),
    "at": Column(pl.Datetime("ns"), nullable=True), "clock": Column(pl.Time, nullable=True),
    "money": Column(pl.Decimal(12, 4), nullable=True), "word": Column(pl.Enum(["a"]), nullable=True)}, coerce=True"""
_STRICT = _SAME.replace(", nullable=True", "")
_TWO = '{"n": Column(int), "t": Column(str, nullable=True)}'
_TEXTS = pl.DataFrame({"n": ["1", " 2", "x", None], "t": ["2024-01-31", "2024-02-30", "", None]})
_WIDE = pl.DataFrame(
    {
        "n": [1, 2, -3],
        "bytes": [b"\0\xff", None, b""],
        "list": [[1, 2], [], None],
        "struct": [{"a": 1, "b": "x"}, {"a": None, "b": None}, {"a": 3, "b": '"'}],
        "^.*$": [1.5, None, 2e20],
        "day": [dt.date(2024, 1, 31), None, dt.date(1999, 1, 1)],
        "t": ["a", "b", "c"],
    }
)
_LONG = pl.DataFrame({"n": range(90), "t": [None if n % 5 == 0 else f"t{n}" for n in range(90)]})

CASES = (
    of_parquet("parquet: types", _TYPED, _SAME),
    of_parquet("parquet: types that lack values", _TYPED, _STRICT),
    of_parquet("parquet: other types, coerced", _TYPED, _OTHER),
    of_parquet("parquet: other types", _TYPED, _OTHER.replace(", coerce=True", "")),
    of_parquet(
        "parquet: texts as other types", _TEXTS, '{"n": Column(int, coerce=True), "t": Column(pl.Date)}, coerce=True'
    ),
    of_parquet(
        "parquet: types that cannot be coerced",
        _TYPED.select("n", "t"),
        '{"n": Column(pl.Date), "t": Column(str, nullable=True)}, coerce=True',
    ),
    of_parquet(
        "parquet: time zones",
        pl.DataFrame({"at": [dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)]}),
        '{"at": Column(pl.Datetime("ms", "Europe/Berlin"))}, coerce=True',
    ),
    of_parquet(
        "parquet: a time zone too many",
        pl.DataFrame({"at": [dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)]}),
        '{"at": Column(pl.Datetime("us"))}, coerce=True',
    ),
    of_parquet("parquet: unknown columns rejected", _WIDE, _TWO),
    of_parquet(
        "parquet: unknown columns ignored",
        _WIDE,
        '{"n": Column(int, Check.gt(0)), "t": Column(str)}',
        options='on_unknown_columns="ignore", tolerated_rejects=1.0',
    ),
    of_parquet(
        "parquet: unknown columns rescued",
        _WIDE,
        '{"n": Column(int, Check.gt(0)), "t": Column(str)}',
        options='on_unknown_columns="rescue", tolerated_rejects=1.0',
    ),
    of_parquet(
        "parquet: nested values in the contract's columns",
        _WIDE,
        '{"n": Column(int), "list": Column(str)}',
        options='on_unknown_columns="ignore"',
    ),
    of_parquet("parquet: a column is missing", pl.DataFrame({"n": [1]}), _TWO),
    of_parquet(
        "parquet: defaults",
        pl.DataFrame({"n": [1, None, 3]}),
        '{"n": Column(int, default=0), "t": Column(str, required=False, default="none")}',
    ),
    of_parquet(
        "parquet: none of the optional columns",
        pl.DataFrame({"y": [1, 2, 3]}),
        '{"n": Column(int, required=False, nullable=True)}',
        options='on_unknown_columns="ignore"',
    ),
    of_parquet(
        "parquet: several chunks",
        _LONG,
        '{"n": Column(int, Check.lt(80)), "t": Column(str, nullable=True)}',
        options="tolerated_rejects=0.2",
        chunk_bytes=400,
    ),
    of_parquet(
        "parquet: unique over chunks",
        _LONG.with_columns(pl.col("n") % 70),
        '{"n": Column(int, unique=True), "t": Column(str, nullable=True)}',
        chunk_bytes=300,
    ),
    of_parquet("parquet: no rows", _LONG.clear(), _TWO),
    of_parquet("parquet: cut off", parquet(_LONG)[:-9], _TWO),
    of_parquet("parquet: a corrupt page", parquet(_LONG)[:60] + b"x" * 40 + parquet(_LONG)[100:], _TWO),
    of_parquet("parquet: CSV instead", b"n,t\n1,a\n", _TWO),
    of_parquet("parquet: another file behind its first bytes", b"PAR1" + b"x" * 100, _TWO),
)
