"""Numbers, times, statuses and values of the data as text for a person. Values may hold anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from filegate.runs.states import Status

if TYPE_CHECKING:
    from filegate.operations.progress import StateProgress

STYLES: Mapping[Status, str] = {
    Status.RUNNING: "cyan",
    Status.SUCCEEDED: "green",
    Status.PARTIAL: "yellow",
    Status.REJECTED: "red",
    Status.FAILED: "bold red",
    Status.DUPLICATE: "dim",
}
NULL = "null"
_PLAIN = re.compile(r"[\w.:+-]+", re.ASCII)


def status(value: Status) -> Text:
    return Text(str(value), style=STYLES[value])


def count(number: int) -> str:
    return f"{number:,}"


def counted(number: int, thing: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def seconds(value: float | None) -> str:
    """Two digits or so: `9.4 s`, `17 s`, `12 min 34 s`."""
    if value is None:
        return ""
    if value >= 99.5:
        return f"{int(value) // 60} min {int(value) % 60} s"
    return f"{value:.0f} s" if value >= 9.95 else f"{value:.1f} s"


def rounded(number: float) -> str:
    """Two digits or three: `310`, `2.1 k`, `310 k`, `2.1 M`."""
    for size, unit in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if number >= 0.9995 * size:
            return f"{number / size:.1f}{unit}" if number < 9.95 * size else f"{number / size:.0f}{unit}"
    return f"{number:.0f}"


def roughly(seconds: float) -> str:
    """So coarse that it does not change all the time: `a few s`, `40 s`, `3 min`, `2.5 h`."""
    if seconds < 95:
        return f"{round(seconds / 10)}0 s" if seconds > 5 else "a few s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def how_far(progress: StateProgress, now: datetime) -> str:
    """`34 of 172 chunks · about 30 s left · 2.1 M rows · 310 k rows/s`: what a narrow terminal cuts off comes last."""
    rate, left = progress.rows_per_second, progress.seconds_left(now)
    return " · ".join(
        [
            f"{progress.chunks_done:,} of {counted(progress.chunks, 'chunk')}"
            if progress.chunks is not None
            else f"{counted(progress.chunks_done, 'chunk')} so far",
            *([] if left is None else [f"about {roughly(left)} left"]),
            f"{rounded(progress.rows_done)} rows",
            *([] if rate is None else [f"{rounded(rate)} rows/s"]),
        ]
    )


def percent(progress: StateProgress | None) -> str:
    """`20 %`; empty while it is unknown."""
    return "" if progress is None or progress.percent is None else f"{progress.percent} %"


def timestamp(iso: str) -> str:
    """`2026-01-31 10:00:00` in UTC."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def place(row: int, byte_offset: int | None) -> str:
    """Where a record is in its object."""
    return f"row {row:,}" if byte_offset is None else f"row {row:,}, byte {byte_offset:,}"


def clean(text: str) -> str:
    """The text with control characters, which could play tricks with a terminal, written out; line ends stay."""
    return "".join(_visible(character) if character != "\n" else "\n" for character in text)


def line(text: str) -> str:
    """The same on one line: for keys, names and codes, which are not made of lines."""
    return text if text.isprintable() else "".join(map(_visible, text))


def value(text: str | None, most: int | None = 60) -> str:
    r"""A value as received, in quotes: control characters as `\x1b`, and not longer than `most` characters, if any."""
    if text is None:
        return NULL
    return f'"{shortened(line(text), most)}"'


def field(text: str | None, most: int | None = 30) -> str:
    """A value inside a record: nothing for null, and in quotes only if it needs them."""
    if text is None:
        return ""
    if _PLAIN.fullmatch(text) and (most is None or len(text) <= most):
        return text
    return value(text, most)


def shortened(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
