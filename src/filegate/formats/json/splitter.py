"""A JSON text of many values, split while it streams by: one per line, each at the offset that it has in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from filegate.errors import MalformedObject
from filegate.formats.csv.grammar import CTRL_Z, Grammar
from filegate.formats.encoding import ByteStream
from filegate.formats.records import RawChunk
from filegate.formats.text import MAX_CHUNK_ROWS, TextWindow
from filegate.runs.manifests import Layout

_BLANK: Final = re.compile(r"[ \t\r\n]*+")
_STRUCTURE: Final = re.compile(rb'["\\\[\]{}]')

# An element's line ends are whitespace: its strings contain none.
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")

SCANNER: Final = json.JSONDecoder(parse_int=str, parse_float=str)
"""Finds where values end. They are discarded: numbers stay strings, so that none is too long to convert."""

JOINT: Final = b"\x1e"
"""Stands for the closing brace of an object that another value follows directly, and a line end; JSON never has it."""

# What an array may have next; between concatenated values there is nothing to expect.
_FIRST: Final = "an element or ]"
_NEXT: Final = "an element"
_SEPARATOR: Final = ", or ]"
_END: Final = "the end"
_VALUE: Final = "a value"


class ValueSplitter:
    """One pass over an array, or over concatenated values, which are split into chunks of values, one per line.

    Brackets, commas and blanks between values become line ends, and line ends within values become blanks. A value that
    is longer than a record may be is a chunk of its own, of which only the first bytes are kept.

    Args:
        text: the text in UTF-8.
        layout: an array, or concatenated values; the data starts after an array's opening bracket.
        grammar: of the resulting lines.
        chunk_bytes: length of a chunk.
        name: of the object, for messages.
    """

    def __init__(self, text: ByteStream, layout: Layout, grammar: Grammar, chunk_bytes: int, name: str) -> None:
        self._window = TextWindow(text)
        self._data_start = layout.data_start
        self._grammar = grammar
        self._chunk_bytes = chunk_bytes
        self._name = name
        self._in_array = layout.format == "json_array"
        self._expected = _FIRST if self._in_array else _VALUE
        self._after_value = _SEPARATOR if self._in_array else _VALUE

    def chunks(self) -> Iterator[RawChunk]:
        """The chunks, in order.

        Raises:
            MalformedObject: the text is not well-formed.
        """
        size = self._chunk_bytes + self._grammar.lookahead
        with closing(self._window):
            self._window.skip_to(self._data_start)
            while self._window.fill(size):  # the window always starts between two tokens, or before an element
                yield self._next_chunk()
            if self._expected not in (_END, _VALUE):
                raise self._malformed(0, "the text ends inside the array")

    def _next_chunk(self) -> RawChunk:
        window = self._window
        # One character per byte: JSON's structure is ASCII, and positions remain positions of bytes.
        text = window.data.decode("latin-1")
        lines = bytearray()
        rows = position = 0
        while position < min(self._chunk_bytes, len(text)) and rows < MAX_CHUNK_ROWS:
            token = self._skip_blank(text, position)
            decided = window.ended or token + self._grammar.lookahead <= len(text)
            if token == len(text) or not decided:
                position = token
                break
            if text[token] in ",]" or self._expected in (_SEPARATOR, _END):
                self._separator(text, token)
                position = token + 1
                continue
            end = self._value(text, token)
            too_long = end - token > self._grammar.limit
            if too_long and token == 0:
                return self._too_long()
            if token > 0 and (too_long or end > self._chunk_bytes):
                position = token
                break
            if lines and token == len(lines):
                self._join(lines)
            else:
                lines += b"\n" * (token - len(lines))
            lines += window.data[token:end].translate(_ONE_LINE)
            rows += 1
            position = end
            self._expected = self._after_value
        lines += b"\n" * (position - len(lines))
        chunk = RawChunk(window.start, position, rows, bytes(lines))
        window.drop(position)
        return chunk

    def _join(self, lines: bytearray) -> None:
        """End a line where the next value follows directly, without another byte than the text has."""
        if not lines.endswith(b"}"):
            raise self._malformed(len(lines), "expected a blank or a line end")
        lines[-1:] = JOINT

    def _skip_blank(self, text: str, position: int) -> int:
        match = _BLANK.match(text, position)
        end = match.end() if match else position
        at_mark = end == len(text) - 1 and text[end] == CTRL_Z.decode() and self._window.ended
        return len(text) if at_mark and self._expected in (_END, _VALUE) else end

    def _separator(self, text: str, position: int) -> None:
        """Consume a comma or the closing bracket, whichever the array's grammar allows here."""
        character = text[position]
        if character == "," and self._expected == _SEPARATOR:
            self._expected = _NEXT
        elif character == "]" and self._expected in (_SEPARATOR, _FIRST):
            self._expected = _END
        else:
            raise self._malformed(position, f"expected {self._expected}")

    def _value(self, text: str, start: int) -> int:
        """Where the value ends; beyond the grammar's limit if it is too long."""
        nests = text[start] in '{["'
        try:
            end = int(SCANNER.raw_decode(text, start)[1])
        except RecursionError:
            raise self._malformed(start, "values are nested too deeply") from None
        except ValueError as error:
            beyond = start + self._grammar.limit + 1
            if beyond <= len(text) and nests and not _Nesting().end(self._window.data[start:beyond]):
                return beyond
            position = error.pos if isinstance(error, json.JSONDecodeError) else start
            problem = str(getattr(error, "msg", error)).removesuffix(" starting at")
            raise self._malformed(position, problem) from None
        if end - start > self._grammar.limit and not nests:
            raise self._malformed(start, f"a number is longer than {self._grammar.limit} bytes")
        return end

    def _too_long(self) -> RawChunk:
        """The value at the window's start, without holding it."""
        window, nesting = self._window, _Nesting()
        start, head = window.start, window.data[: self._grammar.limit + 1].translate(_ONE_LINE)
        while not (end := nesting.end(window.data)):
            if not window.next_block():
                raise self._malformed(0, f"the value that starts at byte {start} does not end")
        window.drop(end)
        self._expected = self._after_value
        return RawChunk(start, window.start - start, 1, head)

    def _malformed(self, position: int, problem: str) -> MalformedObject:
        what = "JSON array" if self._in_array else "JSON text"
        return MalformedObject(
            f"{self._name}: the {what} is malformed at byte {self._window.start + position} "
            f"of the decompressed UTF-8 text: {problem}.",
            advice="Deliver valid JSON; of one object per line (NDJSON), only the malformed lines are rejected.",
        )


class _Nesting:
    """Finds the end of one array, object or string, block by block."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._skip = 0

    def end(self, block: bytes) -> int:
        """Where the value ends in the next block of the text; 0 if it does not."""
        position = self._skip
        while match := _STRUCTURE.search(block, position):
            position = match.end()
            character = match[0]
            if character == b"\\":
                position += 1
            elif character == b'"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if character in b"[{" else -1
            if self._depth <= 0 and not self._in_string and character != b"\\":
                return position
        self._skip = max(position - len(block), 0)
        return 0
