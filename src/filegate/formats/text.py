"""An object's text: decompressed, in UTF-8, in order; and its record-aligned pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

import polars as pl

from filegate.errors import ConservationError, ObjectTooLarge
from filegate.formats.compression import MAX_TEXT_BYTES, Decompressed
from filegate.formats.csv.grammar import Grammar
from filegate.formats.encoding import ByteStream, Reencoded
from filegate.formats.records import KEPT_BYTES, RESCUED, ROW, TOO_LONG, Fault, Malformed, Piece, Records
from filegate.runs.layout import Compression, Layout
from filegate.storage.blob import Blob

CTRL_Z: Final = b"\x1a"
"""DOS's end of file: the last byte of some exports, and no part of a record there."""

MAX_CHUNK_ROWS: Final = 1 << 17
"""A chunk of short rows ends here before it is full: in memory a row takes 50 bytes and more, however short it is."""

WHOLE_READ_BYTES: Final = 16 << 20
"""Twice a chunk: a longer piece is looked at before it is read whole, since it may be one endless record."""

_STEP: Final = 1 << 20


def open_text(blob: Blob, compression: Compression | None, encoding: str, *, guessed: bool = False) -> ByteStream:
    """The object's text in UTF-8, to be read in order and closed; `guessed`: whether its encoding was only detected.

    Raises:
        ObjectTooLarge: it has more than `MAX_TEXT_BYTES`.
    """
    if blob.size > MAX_TEXT_BYTES:
        raise ObjectTooLarge(
            f"{blob.name} has {blob.size:,} bytes; up to {MAX_TEXT_BYTES:,} are read.", advice="Deliver several files."
        )
    raw = blob.stream()
    stream = raw if compression is None else Decompressed(raw, compression, blob.name)
    return stream if encoding == "utf-8" else Reencoded(stream, encoding, guessed=guessed)


def end_of_text(data: bytes, grammar: Grammar) -> int:
    """Where the records in the last bytes of a text end: before one final ^Z."""
    has_mark = data.endswith(CTRL_Z) and CTRL_Z not in (grammar.delimiter, *grammar.special)
    return len(data) - has_mark


def cut_text(text: ByteStream, layout: Layout, grammar: Grammar, chunk_bytes: int) -> Iterator[Piece]:
    """Cut a text after its header into pieces of whole records, in one pass.

    A piece is as long as whole records fit into `chunk_bytes`, `MAX_CHUNK_ROWS` of them at most, or one longer record.
    A record over the grammar's limit is a piece of its own; where pieces carry their bytes, of such a record only the
    first ones and its line end.

    Memory: twice `chunk_bytes` and the grammar's limit, whatever the text's length and its records' are.
    """
    return _Cutter(text, layout, grammar, chunk_bytes).pieces()


def read_text(blob: Blob, start: int, length: int, row: int, grammar: Grammar) -> bytes | Malformed:
    """The bytes of one piece; or, where they are one record that is too long, that record.

    Args:
        blob: holds the piece, or what `cut_text` kept of it.
        start: the piece's first byte in the blob.
        length: the piece's length in the text.
        row: the number of its first record.
        grammar: the text's record grammar.

    Raises:
        ConservationError: the blob holds fewer bytes than the piece.
    """
    head = blob.read(start, length if length <= WHOLE_READ_BYTES else grammar.limit + 1)
    whole = len(head) == length
    if not whole and len(head) > grammar.limit and _line_end(head[: grammar.limit + 1]) < 0:
        tail = blob.read(min(start + length, blob.size) - 2, 2)
        body = length - (2 if tail == b"\r\n" else tail[-1:] in (b"\r", b"\n"))
        return malformed(row, head, TOO_LONG, f"{body} bytes", f"at most {grammar.limit} bytes", length=body)
    data = head if whole else blob.read(start, length)
    if len(data) != length:
        raise ConservationError(f"{blob.name}: a piece of {length} bytes at byte {start} holds only {len(data)}.")
    return data


def malformed(row: int, raw: bytes, rule: str, value: str, allowed: str, *, length: int | None = None) -> Malformed:
    """A record that cannot be split into values, with the first of its bytes."""
    fault = Fault(row=row, rule=rule, column=None, value=value, allowed=allowed)
    return Malformed(row=row, raw=raw[:KEPT_BYTES], length=len(raw) if length is None else length, fault=fault)


def unreadable(record: Malformed, columns: Sequence[str], *, rescue: bool, origin: int) -> Records:
    """The records of a piece that is nothing but one malformed record."""
    names = [*columns, *([RESCUED] if rescue else [])]
    frame = pl.DataFrame(schema={ROW: pl.Int64} | dict.fromkeys(names, pl.String))
    return Records(frame, (), (record,), lambda rows: pl.Series(rows.name, [origin] * len(rows), dtype=pl.Int64))


class Window:
    """A stretch of a text, moved forward only.

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
        """Hold `size` bytes, or all that are left; false if there are none."""
        parts = [self.data]
        length = len(self.data)
        while length < size and not self.ended:
            part = self._text.read(size - length)
            self.ended = not part
            parts.append(part)
            length += len(part)
        if len(parts) > 1:
            self.data = b"".join(parts)
        return bool(self.data)

    def drop(self, length: int) -> None:
        """Move the start forward."""
        self.data = self.data[length:]
        self.start += length

    def skip_to(self, start: int) -> None:
        while self.start < start and self.fill(1):
            self.drop(min(start - self.start, len(self.data)))

    def close(self) -> None:
        self._text.close()


class _Cutter:
    """One pass over a text; the window always starts at a record."""

    def __init__(self, text: ByteStream, layout: Layout, grammar: Grammar, chunk_bytes: int) -> None:
        self._window = Window(text)
        self._layout = layout
        self._grammar = grammar
        self._chunk_bytes = chunk_bytes
        self._reach = chunk_bytes

    def pieces(self) -> Iterator[Piece]:
        with closing(self._window):
            self._window.skip_to(self._layout.data_start)
            while self._window.fill(self._chunk_bytes + self._grammar.lookahead):
                yield self._next_piece()

    def _next_piece(self) -> Piece:
        window = self._window
        size = end_of_text(window.data, self._grammar) if window.ended else len(window.data)
        length, rows = self._advance(size)
        if length == 0 and size > 0:
            record = self._grammar.record(window.data, 0, size)
            if record.problem == TOO_LONG:
                return self._too_long()
            length, rows = record.next, int(not self._grammar.is_blank(record))
        if window.ended and length == size:
            length = len(window.data)
        piece = Piece(window.start, length, rows, window.data[:length] if self._layout.staged else None)
        window.drop(length)
        return piece

    def _advance(self, size: int) -> tuple[int, int]:
        """The length and the rows of the next piece; the reach of the last one saves counting short rows twice."""
        length, rows = self._grammar.advance(self._window.data, min(self._reach, size), size)
        self._reach = min(2 * self._reach, self._chunk_bytes)
        while rows > MAX_CHUNK_ROWS:
            self._reach = length * MAX_CHUNK_ROWS // rows
            length, rows = self._grammar.advance(self._window.data, self._reach, size)
        return length, rows

    def _too_long(self) -> Piece:
        """The record at the window's start, without holding it."""
        window = self._window
        start, head = window.start, window.data[: self._grammar.limit + 1]
        while (end := _line_end(window.data)) < 0 and not window.ended:
            window.drop(len(window.data))
            window.fill(_STEP)
        window.drop(end if end >= 0 else len(window.data))
        window.fill(2)
        line_end = b"\r\n" if window.data.startswith(b"\r\n") else window.data[:1]
        window.drop(len(line_end))
        return Piece(start, window.start - start, 1, head + line_end if self._layout.staged else None)


def _line_end(data: bytes) -> int:
    """The first LF or CR, or -1."""
    found = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
    return min(found, default=-1)
