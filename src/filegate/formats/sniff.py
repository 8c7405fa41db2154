"""Detect an object's layout from its first bytes, never from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from io import BytesIO
from typing import Final, TypeVar

from filegate.errors import EmptyObject, MalformedObject
from filegate.formats.compression import detect_compression
from filegate.formats.csv.grammar import CTRL_Z
from filegate.formats.csv.header import read_header
from filegate.formats.encoding import UTF8_BOM, ByteStream, Reencoded, codec_name, detect_encoding
from filegate.formats.parquet.reader import parquet_columns
from filegate.formats.records import ExpectedColumn, UnknownColumns
from filegate.formats.sources import Csv, Json, Parquet, Source
from filegate.formats.text import open_text
from filegate.runs.manifests import Compression, FileFormat, Layout
from filegate.storage.objects import Blob

_S = TypeVar("_S", Csv, Json, Parquet)

SAMPLE_BYTES: Final = (1 << 20) + (64 << 10)
"""Enough for the longest header, and to detect an encoding."""

_PARQUET: Final = b"PAR1"
_FOREIGN: Final = (
    (b"PK\x03\x04", "a ZIP archive (or an Excel .xlsx workbook)", "Unpack it, or export the sheet as CSV."),
    (b"PK\x05\x06", "an empty ZIP archive", "Deliver the file itself."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "Export the sheet as CSV."),
    (b"%PDF-", "a PDF document", "Deliver the table behind it as CSV, JSON or Parquet."),
    (b"BZh91AY&SY", "bzip2 data", "Compress with gzip or zstd."),
    (b"\xfd7zXZ\0", "xz data", "Compress with gzip or zstd."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it, or compress the file with gzip or zstd."),
    (b"PARE", "an encrypted Parquet file", "Deliver it unencrypted: the buckets encrypt what they hold."),
    (b"Obj\x01", "an Avro file", "Deliver CSV, JSON or Parquet."),
)
# A CSV may start with a bracket too, as in `[id],[name]`.
_JSON_START: Final = re.compile(rb'\{\s*(?:["}]|\Z)|\[\s*(?:[\[{\]"]|\Z)')


def sniff(
    blob: Blob, sources: Sequence[Source], columns: Sequence[ExpectedColumn], on_unknown_columns: UnknownColumns
) -> Layout:
    """The object's layout; its columns are compared with the contract's. `sources`: at most one of each class.

    Raises:
        EmptyObject: it has no data records.
        MalformedObject: it is damaged, or its format is not declared.
        ObjectTooLarge: its first bytes already expand beyond the bounds.
        SchemaMismatch: its columns are not the contract's.
    """
    raw, ended, compression = _sample(blob)
    _refuse_foreign(raw, compression, blob.name)
    if raw.startswith(_PARQUET):
        index, _ = _declared(Parquet, sources, "Parquet", blob.name)
        names = parquet_columns(blob, columns, on_unknown_columns)
        return Layout("parquet", index, None, "utf-8", names, 0)
    guessed = detect_encoding(raw)
    text = _text(raw, guessed)
    if _starts_like_json(text, sources):
        index, json = _declared(Json, sources, "JSON", blob.name)
        encoding = codec_name(json.encoding) if json.encoding else guessed
        text = text if encoding == guessed else _text(raw, encoding)
        form, start = _first_record(text, ended=ended, name=blob.name)
        return Layout(form, index, compression, encoding, (), start)
    index, csv = _declared(Csv, sources, "delimited text", blob.name)
    encoding = codec_name(csv.encoding) if csv.encoding else guessed
    text = text if encoding == guessed else _text(raw, encoding)
    names, start = read_header(
        text, ended=ended, source=csv, expected=columns, on_unknown_columns=on_unknown_columns, name=blob.name
    )
    return Layout("csv", index, compression, encoding, names, start)


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


def _text(raw: bytes, encoding: str) -> bytes:
    return raw if encoding == "utf-8" else _read(Reencoded(BytesIO(raw), encoding, guessed=False), 4 * len(raw))


def _refuse_foreign(raw: bytes, compression: Compression | None, name: str) -> None:
    within = "" if compression is None else f" inside {compression}"
    if not raw.strip(b"\0"):
        raise EmptyObject(f"{name}: the file has only NUL bytes{within}.", advice="Deliver it with its rows.")
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


def _first_record(sample: bytes, *, ended: bool, name: str) -> tuple[FileFormat, int]:
    """Whether the text is one array or one object per line, and the offset from which the first record may start."""
    mark = len(UTF8_BOM) if sample.startswith(UTF8_BOM) else 0
    content = sample[mark:].lstrip()
    if ended and content in (b"", CTRL_Z):
        raise EmptyObject(f"{name}: the file has only blank lines.", advice="Deliver it with its rows.")
    if not content.startswith(b"["):
        return "ndjson", mark
    if content[1:].lstrip().startswith(b"]"):
        raise EmptyObject(f"{name}: the JSON array is empty.", advice="Deliver it with its rows.")
    return "json_array", len(sample) - len(content) + 1


def _declared(kind: type[_S], sources: Sequence[Source], found: str, name: str) -> tuple[int, _S]:
    for index, source in enumerate(sources):
        if isinstance(source, kind):
            return index, source
    declared = " or ".join(type(source).__name__ for source in sources)
    raise MalformedObject(
        f"{name}: this is {found}; its dataset declares {declared}.",
        advice="Deliver a declared format, or declare this one as a source too.",
    )
