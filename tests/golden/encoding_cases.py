"""Encodings and compressions."""

from __future__ import annotations

import gzip

import zstandard

from .case import lines, of_csv, of_json

_SCHEMA = '{"id": Column(int), "text": Column(str)}'
_TEXT = "id,text\r\n1,Grüße\r\nx,Žluťoučký\r\n3,ok\r\n4,ñ\r\n"
_WESTERN = "id,text\r\n1,Grüße\r\nx,Ñandú\r\n3,ok\r\n4,»5 €«\r\n"
_ROWS = lines(["id,text", *(f"{n},text {n}" for n in range(40)), "x,y"])
_OBJECTS = lines(f'{{"id": {n}, "text": "t{n}"}}' for n in range(20))


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


CASES = (
    of_csv("encoding: UTF-16 with its mark", _TEXT.encode("utf-16"), _SCHEMA),
    of_csv("encoding: UTF-16, big end first, without a mark", _TEXT.encode("utf-16-be"), _SCHEMA),
    of_csv("encoding: UTF-16 in chunks", _ROWS.decode().encode("utf-16"), _SCHEMA, chunk_bytes=100),
    of_csv("encoding: UTF-16 that ends within a character", _TEXT.encode("utf-16")[:-1], _SCHEMA),
    of_csv("encoding: UTF-8 declared", _TEXT.encode("utf-8-sig"), _SCHEMA, source='Csv(encoding="utf-8-sig")'),
    of_csv(
        "encoding: Latin-1 declared",
        "id,text\n1,Grüße\n2,\x80\nx,ÿ\n".encode("latin-1"),
        _SCHEMA,
        source='Csv(encoding="latin-1")',
    ),
    of_csv(
        "encoding: Windows-1250 declared",
        _TEXT.encode("cp1250", "replace"),
        _SCHEMA,
        source='Csv(encoding="cp1250")',
        chunk_bytes=20,
    ),
    of_csv(
        "encoding: Shift JIS declared",
        "id,text\n1,日本語\n2,表ソ\nx,ｱ\n".encode("shift_jis"),
        _SCHEMA,
        source='Csv(encoding="shift_jis")',
    ),
    of_csv("encoding: Windows-1252 undeclared", _WESTERN.encode("cp1252"), _SCHEMA),
    of_csv(
        "encoding: Windows-1252 with undefined bytes",
        _WESTERN.encode("cp1252") + b"5,\x81\n",
        _SCHEMA,
        source='Csv(encoding="cp1252")',
    ),
    of_json(
        "encoding: JSON in UTF-16", '{"id": 1, "text": "ü"}\n{"id": "x", "text": "ý"}\n'.encode("utf-16-le"), _SCHEMA
    ),
    of_json("encoding: JSON in Windows-1252", b'{"id": 1, "text": "\xfc"}\n{"id": 2, "text": "\xdf"}\n', _SCHEMA),
    of_csv("encoding: Windows-1252 and UTF-8 mixed", _WESTERN.encode("cp1252") + b"6,\xc3\xa9\n", _SCHEMA),
    of_csv("encoding: a header in another one", "id,te\u0301xt,é\n1,a,b\n".encode() + b"\xff\n", _SCHEMA),
    of_csv("encoding: a header that is no text", b"id,te\xe9xt,\xc3\xa9\n1,a,b\n", _SCHEMA),
    of_csv("gzip: CSV in chunks", _gzip(_ROWS), _SCHEMA, chunk_bytes=90),
    of_csv("gzip: several members and padding", _gzip(_ROWS[:200]) + _gzip(_ROWS[200:]) + b"\0" * 100, _SCHEMA),
    of_csv("gzip: UTF-16", _gzip(_TEXT.encode("utf-16")), _SCHEMA, chunk_bytes=30),
    of_csv("gzip: truncated", _gzip(_ROWS)[:-12], _SCHEMA),
    of_csv("gzip: no gzip behind the first member", _gzip(_ROWS) + b"more", _SCHEMA),
    of_csv("gzip: twice", _gzip(_gzip(_ROWS)), _SCHEMA),
    of_csv("gzip: nothing", _gzip(b""), _SCHEMA),
    of_json("gzip: NDJSON in chunks", _gzip(_OBJECTS), _SCHEMA, chunk_bytes=100),
    of_csv("zstd: CSV in chunks", zstandard.compress(_ROWS), _SCHEMA, chunk_bytes=120),
    of_csv("zstd: corrupt", zstandard.compress(_ROWS)[:-20] + b"x" * 20, _SCHEMA),
    of_json("zstd: JSON array", zstandard.compress(b"[" + b",".join(_OBJECTS.splitlines()) + b"]"), _SCHEMA),
)
