"""Hostile CSV and JSON: much of little, little of much, and what expands."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Final

import zstandard

from harness.hostile.file import WIDE, HostileFile

MB: Final = 1_000_000
SIZE: Final = 6 * MB
"""About as much as one chunk."""
RECORD: Final = 1 << 20
"""The longest record that is read."""
MANY: Final = 1 * MB
"""Of rejected rows of two bytes: several chunks of as many rows as a chunk may have."""
BOMB: Final = 1000 * MB

_HEADERS: Final = {
    "narrow": b"id,text\n",
    "rescued": b"id,text\n",
    "single": b"text\n",
    "checked": b"text\n",
    "keyed": b"id,text\n",
}


def _csv(name: str, body: bytes, dataset: str = "narrow", end: bytes = b"", size: int = SIZE) -> HostileFile:
    """A header, and a text over and over up to a size."""
    return HostileFile(
        name, dataset, "csv", lambda: chain([_HEADERS[dataset]], _repeated(body, size // len(body)), [end])
    )


def _json(name: str, body: bytes, dataset: str = "narrow", start: bytes = b"", end: bytes = b"") -> HostileFile:
    return HostileFile(name, dataset, "json", lambda: chain([start], _repeated(body, SIZE // len(body)), [end]))


def _gzipped(name: str, file: HostileFile) -> HostileFile:
    return HostileFile(name, file.dataset, f"{file.suffix}.gz", lambda: [gzip.compress(file.read(), 9, mtime=0)])


def _encoded(name: str, file: HostileFile, encoding: str) -> HostileFile:
    """The file in another encoding, with its byte-order mark."""
    return HostileFile(name, file.dataset, file.suffix, lambda: [file.read().decode().encode(encoding)])


def _repeated(body: bytes, times: int) -> Iterator[bytes]:
    """The text so many times, in pieces that are quick to write."""
    together = max(1, MB // len(body))
    yield from repeat(body * together, times // together)
    yield body * (times % together)


def _lines(header: bytes, line: bytes, size: int = SIZE) -> Iterable[bytes]:
    return chain([header + b"\n"], _repeated(line + b"\n", max(1, size // (len(line) + 1))))


def _numbered(count: int) -> bytes:
    return b",".join(b"%d" % number for number in range(count))


def _different_keys() -> Iterator[bytes]:
    """Lines as long as a record may be, whose keys no other line has."""
    start, line = 0, b""
    for _ in range(SIZE // RECORD):
        keys = range(start, start + RECORD // 12)
        line = b",".join(b'"%x":1' % key for key in keys)
        yield b"{" + line[: RECORD - 2].rpartition(b",")[0] + b"}\n"
        start = keys.stop


def _different_shapes() -> Iterator[bytes]:
    """Short lines, each with a key that no other has."""
    yield b"".join(b'{"id":1,"%x":1}\n' % number for number in range(SIZE // 20))


def _bomb() -> Iterable[bytes]:
    return chain([b"id,text\n"], _repeated(b"1,x\n", BOMB // 4))


def _gzip_bomb() -> Iterator[bytes]:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream:
        for piece in _bomb():
            stream.write(piece)
    yield buffer.getvalue()


def _gzip_members() -> Iterator[bytes]:
    """Many members that hold nothing."""
    yield gzip.compress(b"id,text\n1,x\n", mtime=0)
    yield from _repeated(gzip.compress(b"", mtime=0), SIZE // 20)


def _zstd_bomb() -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=19).compressobj()
    yield from map(compressor.compress, _bomb())
    yield compressor.flush()


def _zstd_window() -> Iterator[bytes]:
    """A frame that asks for a window of 2 GiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=31)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    yield compressor.compress(b"id,text\n1,x\n")
    yield compressor.flush()


_BLANK_LINES = _csv("blank lines", b"\n", end=b"1,x\n")
_SHORT_ROWS = _csv("rows of one byte", b"1\n", "single")
_WIDE_HEADER = b",".join(b"c%d" % number for number in range(WIDE))

TEXT_FILES: Final = (
    _BLANK_LINES,
    _gzipped("blank lines, gzipped", _BLANK_LINES),
    _csv("blank lines that end with CR", b"\r", end=b"1,x\r"),
    _csv("blank lines that are nulls", b"\n", "single"),
    _csv("lines of a blank", b" \n", size=MANY),
    _SHORT_ROWS,
    _encoded("rows of one byte, in UTF-16", _SHORT_ROWS, "utf-16"),
    _encoded("rows of one byte, in UTF-32", _SHORT_ROWS, "utf-32"),
    _csv("rows of a delimiter", b",\n"),
    _csv("rows of empty quoted fields", b'"",""\n'),
    _csv("rows with the same key", b"1,x\n", "keyed", size=2 * MANY),
    _csv("rows without a key", b",\n", "keyed", size=2 * MANY),
    _csv("quotes", b'"'),
    _csv("quotes on lines", b'"\n', size=MANY),
    _csv("quotes after quotes", b'"a"b"\n', size=MANY),
    _csv("delimiters", b","),
    _csv("NUL bytes", b"\0"),
    _csv("NUL bytes on lines", b"\0\n", size=MANY),
    _csv("bytes that are no text", b"\xff\n", size=MANY),
    _csv("rows of too few fields", b"1\n", size=MANY),
    _csv("rows of too many fields", b"1,2,3\n", size=MANY),
    _csv("one value", b"x"),
    _csv("one quoted value", b"x", end=b'"\n', size=SIZE),
    _csv("records of the limit", b"1," + b"x" * (RECORD - 2) + b"\n", size=30 * MB),
    _csv("long values that break ten rules", b"x" * RECORD + b"\n", "checked", size=30 * MB),
    _csv("short values that break ten rules", b"x\n", "checked", size=2 * MANY),
    _csv("records beyond the limit", b"1," + b"x" * (RECORD - 1) + b"\n", size=30 * MB),
    _csv("quoted line ends of the limit", b'1,"' + b"\n" * (RECORD - 4) + b'"\n', size=12 * MB),
    HostileFile(
        "9,003 columns, rescued", "rescued", "csv", lambda: _lines(b"id,text," + _numbered(9001), b"1" + b"," * 9002)
    ),
    HostileFile(
        "10,002 columns, rescued",
        "rescued",
        "csv",
        lambda: _lines(b"id,text," + _numbered(10_000), b"1,x," + b"1," * 9999 + b"1"),
    ),
    HostileFile(
        "a million columns", "narrow", "csv", lambda: _lines(b"id,text," + _numbered(10**6), b"," * (10**6 + 1))
    ),
    HostileFile(
        "100,000 ignored columns", "narrow", "csv", lambda: _lines(b"id,text," + _numbered(10**5), b"," * (10**5 + 1))
    ),
    HostileFile(
        "2,000 columns that break rules", "wide", "csv", lambda: _lines(_WIDE_HEADER, b",".join([b"x"] * WIDE))
    ),
    HostileFile("2,000 columns of nulls", "wide", "csv", lambda: _lines(_WIDE_HEADER, b"," * (WIDE - 1))),
    HostileFile("a gzip bomb", "narrow", "csv.gz", _gzip_bomb),
    HostileFile("empty gzip members", "narrow", "csv.gz", _gzip_members),
    HostileFile("a zstd bomb", "narrow", "csv.zst", _zstd_bomb),
    HostileFile("a zstd window of 2 GiB", "narrow", "csv.zst", _zstd_window),
    _json("a key of 6 MB", b"x", start=b'{"', end=b'":1}\n'),
    _json("a string of 6 MB", b"x", start=b'{"text":"', end=b'"}\n'),
    _json("open brackets", b"["),
    _json("open brackets in an array", b"[", start=b"[{"),
    _json("open objects", b'{"a":'),
    _json("empty objects", b"{}\n"),
    _json("empty objects in an array", b"{},", start=b"[", end=b"{}]"),
    _json("nulls in an array", b"null,", start=b"[", end=b"{}]"),
    _json("short objects", b'{"id":1}\n'),
    _json("short objects in an array", b'{"id":1},', start=b"[", end=b'{"id":1}]'),
    _json("blank lines between objects", b"\n", start=b'{"id":1}\n', end=b'{"id":1}\n'),
    _json("lines that are no objects", b"1\n", start=b'{"id":1}\n'),
    _json("lines that are no JSON", b"x\n", start=b'{"id":1}\n'),
    _json("nested arrays", b'{"text":' + b"[" * 90 + b"]" * 90 + b"}\n"),
    _json("escaped characters", b'{"text":"' + rb"\u0061" * 1000 + b'"}\n'),
    _json("arrays of numbers", b'{"text":[' + b"1," * 400_000 + b"1]}\n", "rescued"),
    HostileFile(
        "a line of a million keys",
        "rescued",
        "json",
        lambda: [b'{"id":1}\n{', *(b'"%d":1,' % n for n in range(10**6)), b'"":1}\n'],
    ),
    HostileFile("lines of 87,000 keys, rescued", "rescued", "json", _different_keys),
    HostileFile("lines of 87,000 keys, ignored", "narrow", "json", _different_keys),
    HostileFile("a new key on each line, rescued", "rescued", "json", _different_shapes),
    HostileFile("a new key on each line, ignored", "narrow", "json", _different_shapes),
)
