"""Date formats: which strings a strptime-like format accepts, exactly as it is written.

polars' strptime guesses where a contract must not: its `%Y` takes two digits or a sign, a space any blanks or none,
`%Z` any name, `%s` milliseconds; it adds what a format lacks, and drops what the type cannot hold. So each directive
has a pattern here, polars parses only what matches all of them, and other directives are refused. What Python's
strptime reads too, it reads as the same value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import polars as pl

YEAR: Final = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
"""Matches the years 1 to 9999."""
OFFSET: Final = "(?:Z|[+-][0-9]{2}:?[0-9]{2})"
"""Matches an offset from UTC."""

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _one_of(words: Sequence[str], length: int | None = None) -> str:
    return f"(?i:{'|'.join(word[:length] for word in words)})"


@dataclass(frozen=True)
class _Directive:
    """What a directive reads.

    Attributes:
        part: the part of a date or time.
        pattern: what it matches.
        one_digit: what it matches besides, where no digit can be next to it.
    """

    part: str
    pattern: str
    one_digit: str | None = None


_DIRECTIVES: Final = {
    "%Y": _Directive("year", YEAR),
    "%y": _Directive("year", "[0-9]{2}"),
    "%m": _Directive("month", "0[1-9]|1[0-2]", one_digit="[1-9]"),
    "%b": _Directive("month", _one_of(_MONTHS, 3)),
    "%B": _Directive("month", _one_of(_MONTHS)),
    "%d": _Directive("day", "0[1-9]|[12][0-9]|3[01]", one_digit="[1-9]"),
    "%e": _Directive("day", " [1-9]|[12][0-9]|3[01]"),
    "%j": _Directive("day of the year", "[0-3][0-9]{2}"),
    "%a": _Directive("weekday", _one_of(_DAYS, 3)),
    "%A": _Directive("weekday", _one_of(_DAYS)),
    "%G": _Directive("ISO year", YEAR),
    "%V": _Directive("ISO week", "[0-5][0-9]"),
    "%u": _Directive("ISO weekday", "[1-7]"),
    "%H": _Directive("hour", "[01][0-9]|2[0-3]", one_digit="[0-9]"),
    "%I": _Directive("hour of 12", "0[1-9]|1[0-2]", one_digit="[1-9]"),
    "%p": _Directive("half of the day", "(?i:AM|PM)"),
    "%M": _Directive("minute", "[0-5][0-9]"),
    "%S": _Directive("second", "[0-5][0-9]"),
    "%s": _Directive("epoch", "[0-9]{1,10}"),  # until the year 2286; milliseconds have more digits
    "%z": _Directive("offset", OFFSET),
}
_FRACTIONS: Final = {".%f": 0, "%.f": 0, "%.3f": 3, "%.6f": 6, "%.9f": 9, "%3f": 3, "%6f": 6, "%9f": 9}
"""Each with its number of digits; 0: any."""
_SHORT_FOR: Final = {"%F": "%Y-%m-%d", "%D": "%m/%d/%y", "%T": "%H:%M:%S", "%R": "%H:%M"}
_PERCENT: Final = "%%"
_PARSED_AS: Final = {".%f": "%.f", "%y": "%Y", "%z": "%#z"}
"""Where polars' directive is another one: its `%f` counts nanoseconds, its `%z` takes no Z."""

_ITEM: Final = re.compile(r"\.%f|%\.?[0-9]?f|%[-_0]?[:#]*[A-Za-z+%]|.", re.DOTALL)
"""A directive, or one character."""

_INSTEAD: Final = {
    **dict.fromkeys(("%-d", "%_d", "%0d"), "%d, which takes a day without its zero too, or %e for one behind a blank"),
    **dict.fromkeys(("%-m", "%_m", "%0m"), "%m, which takes a month without its zero too"),
    **dict.fromkeys(("%-H", "%_H", "%0H", "%k"), "%H, which takes an hour without its zero too"),
    **dict.fromkeys(("%-I", "%_I", "%0I", "%l"), "%I, which takes an hour without its zero too"),
    **dict.fromkeys(("%:z", "%::z", "%:::z", "%#z"), "%z, which takes Z, and offsets with a colon and without"),
    **dict.fromkeys(("%n", "%t"), "the blank itself"),
    "%": "%% for a percent sign",
    "%f": ".%f for any number of decimals after a point, or %3f, %6f or %9f for exactly so many without one",
    "%h": "%b",
    "%P": "%p",
    "%Z": "%z for an offset, or the zone's name itself",
    "%+": "no format at all: ISO 8601 needs none",
    "%c": "its parts, as %a %b %e %H:%M:%S %Y",
    "%r": "its parts, %I:%M:%S %p",
    "%v": "its parts, %e-%b-%Y",
    "%x": "its parts, as %m/%d/%y",
    "%X": "its parts, as %H:%M:%S",
}

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


class UnsupportedFormat(Exception):
    """Why a date format is refused.

    Attributes:
        problem: completes the sentence "The date format …".
        advice: what to write instead, as a sentence.
    """

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem, advice)
        self.problem = problem
        self.advice = advice


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
    items = _items(text)
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


def _items(text: str) -> list[str]:
    """Its directives, and the characters between them."""
    items: list[str] = []
    for item in _ITEM.findall(text):
        if item in _SHORT_FOR:
            items += _items(_SHORT_FOR[item])
            continue
        if "%" in item and not (item in _DIRECTIVES or item in _FRACTIONS or item == _PERCENT):
            advice = f"Write {_INSTEAD[item]}." if item in _INSTEAD else "Declare str; parse it in the transform."
            raise UnsupportedFormat(f"has {item}, which cannot be read exactly", advice)
        items.append(item)
    return items


def _parts(items: Sequence[str]) -> set[str]:
    """The parts of a date or time that are read; an hour of 12 with its half of the day is an hour."""
    parts: dict[str, str] = {}
    for item in items:
        part = _DIRECTIVES[item].part if item in _DIRECTIVES else "fraction" if item in _FRACTIONS else None
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
    words = "".join(item if len(item) == 1 else _PERCENT for item in items)
    found = _FIXED_OFFSET.search(words) or (_UTC_WORD.search(words) if zone not in _UTC else None)
    return found[0] if found else None


def _pattern(items: Sequence[str], place: int, digits: int) -> str:
    """Matches what an item reads, between those beside it."""
    item = items[place]
    if item in _FRACTIONS:
        return _fraction(item, digits)
    directive = _DIRECTIVES.get(item)
    if directive is None:
        return pl.escape_regex(item[0])
    beside = (*items[max(0, place - 1) : place], *items[place + 1 : place + 2])
    alone = directive.one_digit is not None and not any(map(_may_be_digit, beside))
    return f"(?:{directive.pattern}|{directive.one_digit})" if alone else f"(?:{directive.pattern})"


def _fraction(item: str, digits: int) -> str:
    """Matches decimals of a second: at most so many, and zeros."""
    if count := _FRACTIONS[item]:
        read = min(count, digits)
        return (r"\." if "." in item else "") + f"[0-9]{{{read}}}0{{{count - read}}}"
    decimals = rf"\.[0-9]{{1,{digits}}}0*"
    return decimals if item == ".%f" else f"(?:{decimals})?"


def _may_be_digit(item: str) -> bool:
    """Whether the text of an item may begin or end with a digit."""
    if item in _DIRECTIVES:
        return _DIRECTIVES[item].part not in ("weekday", "half of the day") and item not in ("%b", "%B")
    return item in _FRACTIONS or item.isdigit()


def _centuries(patterns: Sequence[str], place: int) -> tuple[tuple[str, str], ...]:
    """Replacements of a year of two digits by POSIX's: 69 to 99 are in the 20th century, 00 to 68 in the 21st."""
    before, after = "".join(patterns[:place]), "".join(patterns[place + 1 :])

    def replacement(years: str, century: int) -> tuple[str, str]:
        return rf"\A({before})({years})({after})\z", f"${{1}}{century}${{2}}${{3}}"

    return replacement("69|[7-9][0-9]", 19), replacement("[0-5][0-9]|6[0-8]", 20)
