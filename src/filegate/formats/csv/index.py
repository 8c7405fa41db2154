"""Where the records of a CSV text end, told from its quotes and line ends alone.

Take a place where a record starts, and call the quotes from there on *opening* and *closing* by turns. Say that a
delimiter, a line end or a quote precedes each opening one, and that one of these follows each closing one. Then each
line end that an even number of quotes precede ends a well-formed record. For there is no quote between a closing one
and the next opening one. So an opening quote after a delimiter or a line end is the first character of its field, and
quotes it. A closing one ends this field if a delimiter or a line end follows; if an opening one does, both are a
doubled quote, and the field goes on. No other field holds a quote.

Where this does not hold, a record is *doubtful*, and left to the grammar. So are records with a strange character,
with a lone CR outside quotes where LF ends lines, or with more bytes than the limit; and so are empty lines. As a
doubtful record may hold an odd number of quotes, there are two *phases*, and after it the records may go on in the
other one.

polars does this on columns of bytes. Only the first steps take every byte. The others take the *marks*: line ends,
quotes, strange characters and lone CRs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property, reduce
from operator import or_
from typing import Final, NamedTuple

import polars as pl

_BLOCK: Final = 1 << 20


class Run(NamedTuple):
    """Well-formed records that follow each other: where each one starts, and where the last one ends."""

    starts: pl.Series | list[int]
    end: int


class RecordIndex:
    """The records of a text that starts with one; what follows its last line end is none.

    Args:
        data: the text, one byte at least.
        delimiter: between fields.
        quote: around fields, or None.
        strange: characters that make a record doubtful.
        blank: whether an empty line is a record.
        limit: most bytes of a record's body.
    """

    def __init__(
        self, data: bytes, *, delimiter: bytes, quote: bytes | None, strange: bytes, blank: bool, limit: int
    ) -> None:
        self._data = data
        self._quote = quote if quote is not None and quote in data else b""
        self._beside_quotes = delimiter + b"\r\n" + self._quote
        self._blank = blank
        self._limit = limit
        self._position = self._quotes_before = 0
        line_end = b"\n" if b"\n" in data else b"\r"

        text = byte_column(data)
        marks = _one_of(line_end + self._quote + bytes(one for one in strange if one in data), text)
        if line_end == b"\n" and b"\r" in data:
            marks |= _one_of(b"\r", text) & ~_one_of(b"\n", text.shift(-1, fill_value=0))
        self._at = positions(marks)
        mark = text.filter(marks)
        self._before = text.shift(1, fill_value=line_end[0]).filter(marks)
        self._after = text.shift(-1, fill_value=0).filter(marks)
        self._line_ends = _one_of(line_end, mark)
        self._quotes = _one_of(self._quote, mark)
        self._strange = _one_of(strange, mark)
        self._odd = self._quotes.cum_sum() & 1 == 1  # the number of quotes up to the mark, itself included

    def run(self, start: int, stop: int) -> Run:
        """The records from the one at `start` up to the first doubtful one, as many as end by `stop`.

        Calls go forward: one's `start` is where the last one's records end, or later.
        """
        if self._quote:
            self._quotes_before += self._data.count(self._quote, self._position, start)
        phase = self._odd_phase if self._quotes_before % 2 else self._even_phase
        run = phase.run(start, stop)
        self._position = run.end  # an even number of quotes further on
        return run

    def contents(self) -> pl.Series:
        """For each record of a text without doubtful ones, the bytes of its values and of the delimiters between them.

        That is all but the line end, the quotes around fields, and one of each doubled quote.
        """
        ends = self._line_ends & ~self._odd
        doubled = self._quotes & ~self._odd & _one_of(self._quote, self._after)
        others = self._quotes.cast(pl.UInt32) - doubled + ends + (ends & _one_of(b"\r", self._before))
        contents = (self._at + 1 - others.cum_sum()).filter(ends)
        return contents - contents.shift(1, fill_value=0)

    @cached_property
    def _even_phase(self) -> _Phase:
        return self._phase(self._odd)

    @cached_property
    def _odd_phase(self) -> _Phase:
        return self._phase(~self._odd)

    def _phase(self, inside: pl.Series) -> _Phase:
        """What the records are if these marks are inside of a quoted field, or open one."""
        ends = self._line_ends & ~inside
        starts = pl.concat([pl.Series([0], dtype=pl.UInt32), self._at.filter(ends) + 1])
        sizes = starts.diff(null_behavior="drop")
        strange_sizes = sizes > self._limit + 1
        if not self._blank:
            strange_sizes |= (sizes == 1) | ((sizes == 2) & _one_of(b"\r", self._before.filter(ends)))
        doubtful = strange_sizes.arg_true()
        opens = inside & _one_of(self._beside_quotes, self._before)
        closes = ~inside & _one_of(self._beside_quotes, self._after)
        misplaced = self._quotes & ~(opens | closes)
        lone_cr = ~(self._line_ends | self._quotes | self._strange) & ~inside
        strange = misplaced | lone_cr | self._strange
        if strange.any():
            records = (ends.cum_sum() - ends).filter(strange)
            doubtful = pl.concat([doubtful, records]).unique().sort()
        return _Phase(starts, doubtful.to_list())


class _Phase:
    """The records that an even number of quotes precede, or those that an odd number do.

    Args:
        starts: where each one starts, and where the last one ends.
        doubtful: which of them are, in order.
    """

    def __init__(self, starts: pl.Series, doubtful: list[int]) -> None:
        self._starts = starts
        self._doubtful = doubtful

    def run(self, start: int, stop: int) -> Run:
        if start == 0 and stop >= self._starts[-1] and not self._doubtful:
            return Run(self._starts.head(-1), self._starts[-1])
        starts = self._listed
        first = bisect_left(starts, start)
        if first == len(starts) or starts[first] != start:
            return Run([], start)
        last = bisect_right(starts, stop, first) - 1
        doubtful = bisect_left(self._doubtful, first)
        if doubtful < len(self._doubtful):
            last = min(last, self._doubtful[doubtful])
        return Run(starts[first:last], starts[last])

    @cached_property
    def _listed(self) -> list[int]:
        """Many places are to be looked up: a list does that quicker."""
        return self._starts.to_list()


def _one_of(characters: bytes, column: pl.Series) -> pl.Series:
    """Where the column holds one of them: what `is_in` tells, at a fifth of the price."""
    if not characters:
        return pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    return reduce(or_, (column == character for character in characters))


def byte_column(data: bytes) -> pl.Series:
    """The bytes, each a row."""
    return pl.Series([data], dtype=pl.Binary).cast(pl.List(pl.UInt8)).explode()


def positions(mask: pl.Series) -> pl.Series:
    """Where it is true: what `arg_true` tells, at half the price."""
    numbers = pl.int_range(min(_BLOCK, len(mask)), dtype=pl.UInt32, eager=True)
    blocks = ((start, mask.slice(start, _BLOCK)) for start in range(0, len(mask) or 1, _BLOCK))
    return pl.concat([numbers.head(len(block)).filter(block) + start for start, block in blocks])
