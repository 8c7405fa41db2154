"""An object's text: decompressed and in UTF-8, as a stream, and split into record-aligned chunks in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

from filegate.errors import ObjectTooLarge
from filegate.formats.compression import MAX_TEXT_BYTES, Decompressed
from filegate.formats.csv.grammar import Grammar, line_end_at
from filegate.formats.encoding import ByteStream, Reencoded
from filegate.formats.records import TOO_LONG, RawChunk
from filegate.runs.manifests import Compression, Layout
from filegate.storage.objects import Blob

MAX_CHUNK_ROWS: Final = 1 << 17
"""A chunk of short rows or blank lines ends here before it is full: in memory a row takes 50 bytes and more."""

_MAX_FRAME_BYTES: Final = 48 << 20
"""So does one of many short values: about the memory that they take as strings, together with the following ones."""

_COLUMN_BYTES: Final = 2 << 10
_VALUE_BYTES: Final = 24
"""About what a column takes, and each of its values besides the characters."""

_BLOCK_BYTES: Final = 1 << 20


def open_text(blob: Blob, compression: Compression | None, encoding: str) -> ByteStream:
    """The object's text in UTF-8, to be read in order and closed.

    Raises:
        ObjectTooLarge: it has more than `MAX_TEXT_BYTES`.
    """
    if blob.size > MAX_TEXT_BYTES:
        raise ObjectTooLarge(
            f"{blob.name} has {blob.size:,} bytes; up to {MAX_TEXT_BYTES:,} are read.", advice="Deliver several files."
        )
    raw = blob.stream()
    stream = raw if compression is None else Decompressed(raw, compression, blob.name)
    return stream if encoding == "utf-8" else Reencoded(stream, encoding, blob.name)


class TextWindow:
    """A range of a text that only moves forward.

    Attributes:
        data: its bytes.
        start: where it starts in the text.
        ended: whether it reaches the text's end.
    """

    def __init__(self, text: ByteStream) -> None:
        self._text = text
        self.data = b""
        self.start = 0
        self.ended = False

    def fill(self, size: int) -> bool:
        """Extend it to `size` bytes, or to all that are left; false if it is empty then."""
        blocks = [self.data]
        length = len(self.data)
        while length < size and not self.ended:
            block = self._text.read(size - length)
            self.ended = not block
            blocks.append(block)
            length += len(block)
        if len(blocks) > 1:
            self.data = b"".join(blocks)
        return bool(self.data)

    def drop(self, length: int) -> None:
        """Move the start forward."""
        self.data = self.data[length:]
        self.start += length

    def next_block(self) -> bool:
        """Replace its bytes by the next ones; false at the text's end."""
        self.drop(len(self.data))
        return self.fill(_BLOCK_BYTES)

    def skip_to(self, start: int) -> None:
        """Move its start forward to this byte of the text."""
        self.fill(start - self.start)
        self.drop(start - self.start)

    def close(self) -> None:
        self._text.close()


def max_chunk_rows(columns: Sequence[str]) -> int:
    """Maximum number of records and blank lines in a chunk of a file with these columns.

    With each value that is rescued goes its column's name.
    """
    row_bytes = sum(_VALUE_BYTES + len(column) for column in columns)
    rows = (_MAX_FRAME_BYTES - _COLUMN_BYTES * len(columns)) // max(1, row_bytes)
    return max(1, min(rows, MAX_CHUNK_ROWS))


class TextSplitter:
    """One pass over a text, which is split after its header into chunks of whole records.

    A chunk holds the records that fit into `chunk_bytes`, at most `max_chunk_rows`, or one longer record. A record over
    the grammar's limit is a chunk of its own; if chunks carry their bytes, of such a record only the first ones and its
    line end.

    Memory: twice `chunk_bytes` and the grammar's limit, whatever the length of the text and its records.
    """

    def __init__(self, text: ByteStream, layout: Layout, grammar: Grammar, chunk_bytes: int) -> None:
        self._window = TextWindow(text)
        self._layout = layout
        self._grammar = grammar
        self._chunk_bytes = chunk_bytes
        self._target = chunk_bytes
        self._max_rows = max_chunk_rows(layout.columns)

    def chunks(self) -> Iterator[RawChunk]:
        size = self._chunk_bytes + self._grammar.lookahead
        with closing(self._window):
            self._window.skip_to(self._layout.data_start)
            while self._window.fill(size):  # the window always starts at a record
                yield self._next_chunk()

    def _next_chunk(self) -> RawChunk:
        window = self._window
        size = self._grammar.text_end(window.data) if window.ended else len(window.data)
        length, rows = self._advance(size)
        if length == 0 and size > 0:
            record = self._grammar.record(window.data, 0, size)
            if record.problem == TOO_LONG:
                return self._too_long()
            length, rows = record.next, int(not self._grammar.is_blank(window.data, record))
        if window.ended and length == size:
            length = len(window.data)
        chunk = RawChunk(window.start, length, rows, window.data[:length] if self._layout.staged else None)
        window.drop(length)
        return chunk

    def _advance(self, size: int) -> tuple[int, int]:
        """The length and the rows of the next chunk.

        The target length of the last chunk is kept, so that short rows are not counted twice.
        """
        length, rows, lines = self._grammar.advance(self._window.data, min(self._target, size), size)
        self._target = min(2 * self._target, self._chunk_bytes)
        while lines > self._max_rows:
            self._target = length * self._max_rows // lines
            length, rows, lines = self._grammar.advance(self._window.data, self._target, size)
        return length, rows

    def _too_long(self) -> RawChunk:
        """The record at the window's start, without holding it."""
        window = self._window
        start, head = window.start, window.data[: self._grammar.limit + 1]
        while (end := line_end_at(window.data)) < 0 and window.next_block():
            pass
        window.drop(end if end >= 0 else len(window.data))
        window.fill(2)
        line_end = b"\r\n" if window.data.startswith(b"\r\n") else window.data[:1]
        window.drop(len(line_end))
        return RawChunk(start, window.start - start, 1, head + line_end if self._layout.staged else None)
