"""Detect an object's layout from its first bytes, never from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from io import BytesIO
from typing import Final, TypeVar

from filegate.errors import EmptyObject, MalformedObject
from filegate.formats.compression import detect_compression
from filegate.formats.csv.grammar import LINE_END
from filegate.formats.csv.header import read_header
from filegate.formats.encoding import UTF8_BOM, ByteStream, Reencoded, contradicts, declared_codec, detect_encoding
from filegate.formats.encoding_advice import undeclared_encoding
from filegate.formats.json.form import detect_form
from filegate.formats.parquet.reader import parquet_columns
from filegate.formats.records import ExpectedColumn, UnknownColumns
from filegate.formats.sources import Csv, Json, Parquet, Source, TextSource
from filegate.formats.text import open_text
from filegate.runs.manifests import Compression, Layout, LineEnd
from filegate.storage.objects import Blob

_S = TypeVar("_S", Csv, Json, Parquet)

SAMPLE_BYTES: Final = (1 << 20) + (64 << 10)
"""Enough for the longest header, and to detect an encoding."""

_PARQUET: Final = b"PAR1"
_AS_TABLE: Final = "Deliver the table behind it as CSV, JSON or Parquet."
_FOREIGN: Final = (
    (b"PK\x03\x04", "a ZIP archive (or an Excel .xlsx workbook)", "Unpack it, or export the sheet as CSV."),
    (b"PK\x05\x06", "an empty ZIP archive", "Deliver the file itself."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "Export the sheet as CSV."),
    (b"%PDF-", "a PDF document", _AS_TABLE),
    (b"BZh91AY&SY", "bzip2 data", "Compress with gzip or zstd."),
    (b"\xfd7zXZ\0", "xz data", "Compress with gzip or zstd."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it, or compress the file with gzip or zstd."),
    (b"PARE", "an encrypted Parquet file", "Deliver it unencrypted: the buckets encrypt what they hold."),
    (b"Obj\x01", "an Avro file", "Deliver CSV, JSON or Parquet."),
    (b"ORC\x08", "an ORC file", "Deliver CSV, JSON or Parquet."),
    (b"ARROW1", "an Arrow (Feather) file", "Deliver CSV, JSON or Parquet."),
    (b"\x04\x22\x4d\x18", "lz4 data", "Compress with gzip or zstd."),
    (b"\x1f\x9d", "data of Unix compress (.Z)", "Compress with gzip or zstd."),
    (b"\x89PNG\r\n", "a picture (PNG)", _AS_TABLE),
    (b"\xff\xd8\xff", "a picture (JPEG)", _AS_TABLE),
    (b"GIF87a", "a picture (GIF)", _AS_TABLE),
    (b"GIF89a", "a picture (GIF)", _AS_TABLE),
    (b"SQLite format 3\0", "an SQLite database", "Export the table as CSV."),
    (b"PGCOPY\n\xff\r\n\0", "a binary COPY of PostgreSQL", "Export the table with COPY … (FORMAT csv)."),
    (b"\xff\x06\0\0sNaPpY", "snappy data", "Compress with gzip or zstd."),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it, or compress the file with gzip or zstd."),
)
_LINE_ENDS: Final[dict[bytes, LineEnd]] = {b"\n": "LF", b"\r\n": "CRLF", b"\r": "CR"}
_BLANK_LINES: Final = re.compile(rb"(?:[ \t]*+(?:\r\n?|\n))*+")
# A CSV may start with a bracket too, as in `[id],[name]`.
_JSON_START: Final = re.compile(rb'\{\s*(?:["}]|\Z)|\[\s*(?:[\[{\]"]|\Z)')


def sniff(
    blob: Blob, sources: Sequence[Source], columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
) -> Layout:
    """The object's layout; its columns are compared with the contract's. `sources`: at most one of each class.

    Raises:
        EmptyObject: it has no data records.
        MalformedObject: it is damaged, or its format is not declared, or its encoding must be.
        ObjectTooLarge: its first bytes already expand beyond the bounds.
        SchemaMismatch: its columns are not the contract's.
    """
    raw, ended, compression = _sample(blob)
    _refuse_foreign(raw, compression, blob.name)
    if raw.startswith(_PARQUET):
        index, _ = _declared(Parquet, sources, "Parquet", blob.name)
        names = parquet_columns(blob, columns, on_unknown_columns)
        return Layout("parquet", index, None, "utf-8", names, 0)
    detected = detect_encoding(raw, ended=ended)
    declared = [source.encoding for source in sources if isinstance(source, TextSource) and source.encoding]
    # Of a text that is not Unicode, the format shows in its ASCII characters.
    codecs = (detected or "utf-8", *(declared_codec(each, detected, raw) for each in declared))
    texts = {codec: _text(raw, codec, blob.name) for codec in codecs if codec is not None}
    if any(_starts_like_json(text, sources) for text in texts.values()):
        index, json = _declared(Json, sources, "JSON", blob.name)
        encoding = _encoding(json, detected, raw, blob.name)
        text = texts[encoding]
        form, start = detect_form(text, ended=ended, name=blob.name)
        return Layout(form, index, compression, encoding, (), start, line_end=_line_end(text))
    index, csv = _declared(Csv, sources, "delimited text", blob.name)
    encoding = _encoding(csv, detected, raw, blob.name)
    text = texts[encoding]
    names, start = read_header(
        text,
        ended=ended,
        source=csv,
        expected=columns,
        on_unknown_columns=on_unknown_columns,
        encoding=encoding,
        name=blob.name,
    )
    return Layout(
        "csv",
        index,
        compression,
        encoding,
        names,
        start,
        delimiter=csv.delimiter,
        line_end=_line_end(text[start - 2 : start] if csv.header else text),
        header_line=_first_line(text) if csv.header else None,
    )


def _sample(blob: Blob) -> tuple[bytes, bool, Compression | None]:
    """The first bytes after decompression, whether they are all bytes, and the compression."""
    head = blob.read(0, SAMPLE_BYTES)
    if not head:
        raise EmptyObject(f"{blob.name}: the file is empty.", advice="Deliver it with its rows.")
    compression = detect_compression(head)
    if compression is None:
        return head, blob.size <= SAMPLE_BYTES, None
    with closing(open_text(blob, compression, "utf-8")) as stream:
        raw = _read(stream, SAMPLE_BYTES)
        return raw, not stream.read(1), compression


def _read(stream: ByteStream, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := stream.read(size - len(data))):
        data += part
    return data


def _text(raw: bytes, encoding: str, name: str) -> bytes:
    return raw if encoding == "utf-8" else _read(Reencoded(BytesIO(raw), encoding, name), 4 * len(raw))


def _encoding(source: Csv | Json, detected: str | None, raw: bytes, name: str) -> str:
    """The codec to read the text with: the declared one, or else the one that was detected."""
    kind, declared = type(source).__name__, source.encoding
    if declared is None:
        if detected is None:
            raise undeclared_encoding(raw, kind, name)
        return detected
    codec = declared_codec(declared, detected, raw)
    if detected is not None and contradicts(declared, detected, raw):
        raise MalformedObject(
            f"{name}: the text is {detected.upper()}; its source declares encoding={declared!r}.",
            advice=f"Declare {kind}() without an encoding, or deliver the declared one.",
        )
    if codec != "utf-8" and raw.startswith(UTF8_BOM):
        raise MalformedObject(
            f"{name}: the text starts with the byte-order mark of UTF-8; its source declares encoding={declared!r}.",
            advice=f"Declare {kind}() without an encoding, or deliver the declared one.",
        )
    if codec is None:
        raise MalformedObject(
            f"{name}: the text has no byte-order mark, and encoding={declared!r} leaves the order of its bytes open.",
            advice=f"Declare {kind}(encoding={f'{declared}-le'!r}) or {kind}(encoding={f'{declared}-be'!r}).",
        )
    return codec


def _line_end(text: bytes) -> LineEnd | None:
    """The first one."""
    match = LINE_END.search(text)
    return _LINE_ENDS[match[0]] if match else None


def _first_line(text: bytes) -> int:
    """The number of the first line that is not blank, from 1."""
    blank = _BLANK_LINES.match(text.removeprefix(UTF8_BOM))
    return 1 + len(LINE_END.findall(blank[0] if blank else b""))


def _refuse_foreign(raw: bytes, compression: Compression | None, name: str) -> None:
    within = "" if compression is None else f" inside {compression}"
    if not raw:
        raise EmptyObject(f"{name}: the file is empty{within}.", advice="Deliver it with its rows.")
    if not raw.strip(b"\0"):
        raise EmptyObject(f"{name}: the file has only NUL bytes{within}.", advice="Deliver it with its rows.")
    if raw[257:262] == b"ustar":
        raise MalformedObject(f"{name}: this is a tar archive{within}.", advice="Deliver each of its files by itself.")
    for magic, what, advice in _FOREIGN:
        if raw.startswith(magic):
            raise MalformedObject(f"{name}: this is {what}{within}.", advice=advice)
    if compression is None:
        return
    if raw.startswith(_PARQUET):
        raise MalformedObject(
            f"{name}: this is a Parquet file{within}.",
            advice="Deliver it uncompressed: Parquet compresses its own pages.",
        )
    if twice := detect_compression(raw):
        raise MalformedObject(f"{name}: this is {twice} data{within}.", advice="Compress the file once.")


def _starts_like_json(text: bytes, sources: Sequence[Source]) -> bool:
    kinds = {type(source) for source in sources}
    content = text.removeprefix(UTF8_BOM).lstrip()
    if Csv not in kinds and content[:1] in (b"[", b"{"):
        return True
    return _JSON_START.match(content) is not None if content else Json in kinds and Csv not in kinds


def _declared(kind: type[_S], sources: Sequence[Source], found: str, name: str) -> tuple[int, _S]:
    for index, source in enumerate(sources):
        if isinstance(source, kind):
            return index, source
    declared = " or ".join(type(source).__name__ for source in sources)
    if kind is Csv and any(isinstance(source, Json) for source in sources):
        raise MalformedObject(
            f"{name}: the text begins neither with {{ nor with [, and its dataset declares {declared}.",
            advice="Deliver an object on each line, or an array of objects; if it is delimited text, declare Csv().",
        )
    raise MalformedObject(
        f"{name}: this is {found}; its dataset declares {declared}.",
        advice="Deliver a declared format, or declare this one as a source too.",
    )
