"""The directives of date formats: what each of them reads, and what to write in place of the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
class Directive:
    """What a directive reads.

    Attributes:
        part: the part of a date or time.
        pattern: what it matches.
        one_digit: what it matches besides, where no digit can be next to it.
    """

    part: str
    pattern: str
    one_digit: str | None = None


DIRECTIVES: Final = {
    "%Y": Directive("year", YEAR),
    "%y": Directive("year", "[0-9]{2}"),
    "%m": Directive("month", "0[1-9]|1[0-2]", one_digit="[1-9]"),
    "%b": Directive("month", _one_of(_MONTHS, 3)),
    "%B": Directive("month", _one_of(_MONTHS)),
    "%d": Directive("day", "0[1-9]|[12][0-9]|3[01]", one_digit="[1-9]"),
    "%e": Directive("day", " [1-9]|[12][0-9]|3[01]"),
    "%j": Directive("day of the year", "[0-3][0-9]{2}"),
    "%a": Directive("weekday", _one_of(_DAYS, 3)),
    "%A": Directive("weekday", _one_of(_DAYS)),
    "%G": Directive("ISO year", YEAR),
    "%V": Directive("ISO week", "[0-5][0-9]"),
    "%u": Directive("ISO weekday", "[1-7]"),
    "%H": Directive("hour", "[01][0-9]|2[0-3]", one_digit="[0-9]"),
    "%I": Directive("hour of 12", "0[1-9]|1[0-2]", one_digit="[1-9]"),
    "%p": Directive("half of the day", "(?i:AM|PM)"),
    "%M": Directive("minute", "[0-5][0-9]"),
    "%S": Directive("second", "[0-5][0-9]"),
    "%s": Directive("epoch", "[0-9]{1,10}"),  # until the year 2286; milliseconds have more digits
    "%z": Directive("offset", OFFSET),
}
FRACTIONS: Final = {".%f": 0, "%.f": 0, "%.3f": 3, "%.6f": 6, "%.9f": 9, "%3f": 3, "%6f": 6, "%9f": 9}
"""Each with its number of digits; 0: any."""
_SHORT_FOR: Final = {"%F": "%Y-%m-%d", "%D": "%m/%d/%y", "%T": "%H:%M:%S", "%R": "%H:%M"}
PERCENT: Final = "%%"

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


def directives(text: str) -> list[str]:
    """The directives of a format, and the characters between them.

    Raises:
        UnsupportedFormat: it has another one.
    """
    items: list[str] = []
    for item in _ITEM.findall(text):
        if item in _SHORT_FOR:
            items += directives(_SHORT_FOR[item])
            continue
        if "%" in item and not (item in DIRECTIVES or item in FRACTIONS or item == PERCENT):
            advice = f"Write {_INSTEAD[item]}." if item in _INSTEAD else "Declare str; parse it in the transform."
            raise UnsupportedFormat(f"has {item}, which cannot be read exactly", advice)
        items.append(item)
    return items
