"""Date formats: which strings a strptime-like format accepts, exactly as it is written.

polars' strptime guesses where a contract must not: its `%Y` takes two digits or a sign, a space any blanks or none,
`%Z` any name, `%s` milliseconds; it adds what a format lacks, and drops what the type cannot hold. So each directive
has a pattern (`directives`), polars parses only what matches all of them, and other directives are refused. What
Python's strptime reads too, it reads as the same value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import polars as pl

from filegate.contract.directives import DIRECTIVES, FRACTIONS, PERCENT, UnsupportedFormat, directives

_PARSED_AS: Final = {".%f": "%.f", "%y": "%Y", "%z": "%#z"}
"""Where polars' directive is another one: its `%f` counts nanoseconds, its `%z` takes no Z."""

_DATES: Final = (
    {"year", "month", "day"},
    {"year", "month"},
    {"year", "day of the year"},
    {"ISO year", "ISO week", "ISO weekday"},
    {"epoch"},
)
_TIMES: Final = ({"hour"}, {"hour", "minute"}, {"hour", "minute", "second"}, {"hour", "minute", "second", "fraction"})
_UTC: Final = ("UTC", "Etc/UTC", "GMT", "Etc/GMT")
_UTC_WORD: Final = re.compile(r"(?<![A-Za-z])(?:Z|UTC|GMT)(?![A-Za-z])")
_FIXED_OFFSET: Final = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")


@dataclass(frozen=True)
class DateFormat:
    """A format for columns of one type.

    Attributes:
        text: the format, strptime-like.
        pattern: matches the strings that it accepts. Of these the calendar may refuse some, as the 30th of February.
        centuries: the replacements that give such a string a year of four digits: patterns and what replaces them.
        suffix: what such a string lacks: the first day of its month, the first minute of its hour.
        parsed_as: polars' format for the string with all that.
        is_instant: whether it says a moment on any clock: it has an offset from UTC, or counts from 1970 in UTC.
        has_time: whether it has a time of day.
    """

    text: str
    pattern: str
    centuries: tuple[tuple[str, str], ...]
    suffix: str
    parsed_as: str
    is_instant: bool
    has_time: bool

    def parsable(self, text: pl.Expr) -> pl.Expr:
        """The accepted strings, as `parsed_as` describes them; null for the others."""
        text = where_matching(text, self.pattern)
        for pattern, substitute in self.centuries:
            text = text.str.replace(pattern, substitute)
        return text + pl.lit(self.suffix) if self.suffix else text


@lru_cache(maxsize=1024)
def date_format(text: str, dtype: pl.DataType, *, digits: int | None = None) -> DateFormat:
    """A format for columns of a type.

    Args:
        text: strptime-like.
        dtype: a Date, Datetime or Time.
        digits: how many decimals of a second are read; None: as many as the type can hold.

    Raises:
        UnsupportedFormat: it has a directive that cannot be read exactly, says no whole date or time, or says what
            the type cannot hold.
    """
    items = directives(text)
    parts = _parts(items)
    _check_type(items, parts, dtype)
    patterns = [_pattern(items, place, digits or fraction_digits(dtype)) for place in range(len(items))]
    lacking = [(" 01", " %d")] if "month" in parts and "day" not in parts else []
    lacking += [(":00", ":%M")] if "hour" in parts and "minute" not in parts else []
    return DateFormat(
        text=text,
        pattern="".join(patterns),
        centuries=_centuries(patterns, items.index("%y")) if "%y" in items else (),
        suffix="".join(suffix for suffix, _ in lacking),
        parsed_as="".join([*(_PARSED_AS.get(item, item) for item in items), *(directive for _, directive in lacking)]),
        is_instant=bool(parts & {"offset", "epoch"}),
        has_time=bool(parts & {"hour", "epoch"}),
    )


def fraction_digits(dtype: pl.DataType) -> int:
    """How many decimals of a second a type holds."""
    if isinstance(dtype, pl.Datetime):
        return {"ms": 3, "us": 6, "ns": 9}[dtype.time_unit]
    return 9 if isinstance(dtype, pl.Time) else 6


def matches(text: pl.Expr, pattern: str) -> pl.Expr:
    """Whether a pattern matches a string as a whole."""
    return text.str.contains(rf"\A(?:{pattern})\z")


def where_matching(text: pl.Expr, pattern: str) -> pl.Expr:
    """The strings that a pattern matches as a whole; null for the others."""
    return pl.when(matches(text, pattern)).then(text)


def _parts(items: Sequence[str]) -> set[str]:
    """The parts of a date or time that are read; an hour of 12 with its half of the day is an hour."""
    parts: dict[str, str] = {}
    for item in items:
        part = DIRECTIVES[item].part if item in DIRECTIVES else "fraction" if item in FRACTIONS else None
        if part in parts:
            raise UnsupportedFormat(f"says the {part} twice, as {parts[part]} and {item}", "Write one of them.")
        if part is not None:
            parts[part] = item
    twelve = {"hour of 12", "half of the day"}
    if not twelve & parts.keys():
        return set(parts)
    if not twelve <= parts.keys() or "hour" in parts:
        raise UnsupportedFormat("has %I or %p, but not as the hour", "Write both of them, or %H alone.")
    return parts.keys() - twelve | {"hour"}


def _check_type(items: Sequence[str], parts: set[str], dtype: pl.DataType) -> None:
    """Refuse a format that does not say exactly what the type holds."""
    zone = getattr(dtype, "time_zone", None)
    name = type(dtype).__name__
    if "offset" in parts and zone is None:
        kind = "pl.Datetime without a time zone" if isinstance(dtype, pl.Datetime) else f"pl.{name}"
        raise UnsupportedFormat(
            f"has %z, but {kind} cannot hold an offset from UTC",
            "Declare the column as pl.Datetime('us', 'UTC'), or with another time zone.",
        )
    if zone is not None and "offset" not in parts and (word := _fixed_zone(items, zone)):
        raise UnsupportedFormat(
            f"has {word} as a mere word: its times would be read as those of {zone}",
            "Write %z for it, which takes Z too, or declare the column with the file's time zone.",
        )
    time = parts & set().union(*_TIMES)
    date = parts - time - {"offset"} - ({"weekday"} if "day" in parts else set())
    if isinstance(dtype, pl.Time) and date:
        raise UnsupportedFormat("has a date, which pl.Time cannot hold", "Declare the column as pl.Datetime.")
    if not isinstance(dtype, pl.Time) and date not in _DATES:
        raise UnsupportedFormat("does not say one date", "Write it for example as %d.%m.%Y, %Y-%j or %G-W%V-%u.")
    if (time not in _TIMES and (time or isinstance(dtype, pl.Time))) or (time and "epoch" in parts):
        raise UnsupportedFormat("does not say one time of day", "Write it for example as %H:%M or %I:%M:%S %p.")


def _fixed_zone(items: Sequence[str], zone: str) -> str | None:
    """The zone that a format's own characters name, if it may be another one."""
    words = "".join(item if len(item) == 1 else PERCENT for item in items)
    found = _FIXED_OFFSET.search(words) or (_UTC_WORD.search(words) if zone not in _UTC else None)
    return found[0] if found else None


def _pattern(items: Sequence[str], place: int, digits: int) -> str:
    """Matches what an item reads, between those beside it."""
    item = items[place]
    if item in FRACTIONS:
        return _fraction(item, digits)
    directive = DIRECTIVES.get(item)
    if directive is None:
        return pl.escape_regex(item[0])
    beside = (*items[max(0, place - 1) : place], *items[place + 1 : place + 2])
    alone = directive.one_digit is not None and not any(map(_may_be_digit, beside))
    return f"(?:{directive.pattern}|{directive.one_digit})" if alone else f"(?:{directive.pattern})"


def _fraction(item: str, digits: int) -> str:
    """Matches decimals of a second: at most so many, and zeros."""
    if count := FRACTIONS[item]:
        read = min(count, digits)
        return (r"\." if "." in item else "") + f"[0-9]{{{read}}}0{{{count - read}}}"
    decimals = rf"\.[0-9]{{1,{digits}}}0*"
    return decimals if item == ".%f" else f"(?:{decimals})?"


def _may_be_digit(item: str) -> bool:
    """Whether the text of an item may begin or end with a digit."""
    if item in DIRECTIVES:
        return DIRECTIVES[item].part not in ("weekday", "half of the day") and item not in ("%b", "%B")
    return item in FRACTIONS or item.isdigit()


def _centuries(patterns: Sequence[str], place: int) -> tuple[tuple[str, str], ...]:
    """Replacements of a year of two digits by POSIX's: 69 to 99 are in the 20th century, 00 to 68 in the 21st."""
    before, after = "".join(patterns[:place]), "".join(patterns[place + 1 :])

    def replacement(years: str, century: int) -> tuple[str, str]:
        return rf"\A({before})({years})({after})\z", f"${{1}}{century}${{2}}${{3}}"

    return replacement("69|[7-9][0-9]", 19), replacement("[0-5][0-9]|6[0-8]", 20)
