"""Inputs as people deliver them: small files of the shapes that a pipeline meets."""

from __future__ import annotations

import base64

from .case import of_csv, of_json, of_parquet

_ABC = '{"a": Column(int), "b": Column(int), "c": Column(int)}'
_IX = '{"id": Column(int), "x": Column(float)}'
_IXN = '{"id": Column(int), "x": Column(float, nullable=True)}'

_INT96_AS_NS = base64.b64decode(
    "UEFSMRUEFTAVLkwVBhUAEgAAGAQBAAkBPAIAAAAAAAAAAwAAAAAAAAAVABUUFRgsFQYVEBUGFQYcGAgDAAAAAAAAABgIAQAAAAAA"
    "AAAWACgIAwAAAAAAAAAYCAEAAAAAAAAAEREAAAAKJAIAAAAGAQIDJAAVBBVIFUxMFQYVABIAACSMAICnSEonAAAviyUAADa0VZRO"
    "AAAs/lEAAAAAAAAAAACf1R8AFQAVFBUYLBUGFRAVBhUGHAAAAAokAgAAAAYBAgMkABUEGTw1ABgGc2NoZW1hFQQAFQQlAhgCaWQA"
    "FQYlAhgCdHMAFgYZHBksJgAcFQQZNQAGEBkYAmlkFQIWBhbeARbgASZSJggcGAgDAAAAAAAAABgIAQAAAAAAAAAWACgIAwAAAAAA"
    "AAAYCAEAAAAAAAAAEREAGSwVBBUAFQIAFQAVEBUCADwpBhkmAAYAAAAmABwVBhk1AAYQGRgCdHMVAhYGFp4BFqYBJtACJugBKSwV"
    "BBUAFQIAFQAVEBUCADwpBhkmAAYAAAAW/AIWBiYIFoYDACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZLBwAABwA"
    "AAD9AAAAUEFSMQ=="
)
_BINARY_STRINGS = base64.b64decode(
    "UEFSMRUEFR4VIkwVBBUAEgAADzgDAAAAQW5uBAAAAFpvw6sVABUSFRYsFQQVEBUGFQYcNgAoBFpvw6sYA0FubhERAAAACSACAAAA"
    "BAEBAwIVBBksNQAYBnNjaGVtYRUCABUMJQIYAXQAFgQZHBkcJgAcFQwZNQAGEBkYAXQVAhYEFpABFpgBJkYmCBw2ACgEWm/DqxgD"
    "QW5uEREAGSwVBBUAFQIAFQAVEBUCADwWDhkGGSYABAAAABaQARYEJggWmAEAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2"
    "LjAuMRkcHAAAAJsAAABQQVIx"
)
_ZIP = base64.b64decode(
    "UEsDBBQAAAAIAIl4fl3GH0HNFAAAABIAAAAFAAAAYS5jc3ZL1EnSSeYy1DHSMeYy0THVMeMCAFBLAQIUAxQAAAAIAIl4fl3GH0HN"
    "FAAAABIAAAAFAAAAAAAAAAAAAACAAQAAAABhLmNzdlBLBQYAAAAAAQABADMAAAA3AAAAAAA="
)

CASES = (
    of_json(
        "delivered: records in an object", b'{"data": [{"id": 1, "x": 1.5}, {"id": 2, "x": 2.0}], "count": 2}\n', _IXN
    ),
    of_json("delivered: objects on one line", b'{"id": 1, "x": 1.5}{"id": 2, "x": 2.0}', _IXN),
    of_json("delivered: one object on several lines", b'{\n  "id": 1,\n  "x": 1.5\n}\n', _IXN),
    of_json(
        "delivered: a nested value that is wanted",
        b'{"id": 1, "address": {"city": "Bonn"}}\n',
        '{"id": Column(int), "city": Column(str)}',
    ),
    of_json(
        "delivered: records in an object, ignored",
        b'{"data": [{"id": 1, "x": 1.5}, {"id": 2, "x": 2.0}]}\n',
        '{"id": Column(int, nullable=True), "x": Column(float, nullable=True)}',
        options='on_unknown_columns="ignore"',
    ),
    of_json(
        "delivered: a nested value that is rescued",
        b'{"id": 1, "address": {"city": "Bonn"}, "n": 5}\n',
        '{"id": Column(int)}',
        options='on_unknown_columns="rescue"',
    ),
    of_csv(
        "delivered: an empty text to partition by",
        b'id,c\n1,""\n2,x\n',
        '{"id": Column(int), "c": Column(str)}',
        options='partition_by=["c"]',
    ),
    of_parquet(
        "delivered: INT96 beyond what nanoseconds hold",
        _INT96_AS_NS,
        '{"id": Column(int), "ts": Column(pl.Datetime("ns"))}',
    ),
    of_parquet("delivered: texts as BINARY", _BINARY_STRINGS, '{"t": Column(str)}'),
    of_csv(
        "delivered: a delimiter after the header only",
        b"a,b,c,\n1,2,3\n4,5,6\n",
        _ABC,
        source="Csv(trailing_delimiter=True)",
    ),
    of_csv("delivered: comments", b"# exported 2024-05-01\n# units: m\na,b,c\n1,2,3\n# calibration\n4,5,6\n", _ABC),
    of_csv("delivered: a preamble", b"Monthly report,,\nGenerated,2024-05-01,\n\na,b,c\n1,2,3\n4,5,6\n", _ABC),
    of_csv(
        "delivered: a line that tells the delimiter", b"sep=;\na;b;c\n1;2;3\n4;5;6\n", _ABC, source='Csv(delimiter=";")'
    ),
    of_csv(
        "delivered: short records",
        b"a,b,c\n1,x,y\n2,z\n",
        '{"a": Column(int), "b": Column(str), "c": Column(str, nullable=True)}',
    ),
    of_csv(
        "delivered: Windows-1250",
        b"id,t\n1,\xa3\xf3d\x9f\n2,Gda\xf1sk\n3,\x8cwinouj\x9ccie\n",
        '{"id": Column(int), "t": Column(str)}',
    ),
    of_csv(
        "delivered: a delimiter of two characters", b"a||b||c\n1||2||3\n4||5||6\n", _ABC, source='Csv(delimiter="||")'
    ),
    of_csv("delivered: a ZIP archive", _ZIP, _ABC),
    of_csv(
        "delivered: MySQL's OUTFILE",
        b"id\tt\n1\t\\N\n2\ta\\\tb\n",
        '{"id": Column(int), "t": Column(str, nullable=True)}',
        source=r'Csv(delimiter="\t", quote=None, escape="\\", null_values=["\\N"])',
    ),
    of_csv("delivered: a padded header", b"id, name\n1,Ann\n", '{"id": Column(int), "name": Column(str)}'),
    of_csv(
        "delivered: a date's time of day",
        b"d\n2024-01-02 13:45:00\n",
        '{"d": Column(pl.Date)}',
        source='Csv(date_formats={"d": "%Y-%m-%d %H:%M:%S"})',
    ),
    of_csv(
        "delivered: PostgreSQL's timestamps",
        b"t\n2024-01-01 10:00:00+00\n2024-01-01 10:00:00.123+02\n2024-01-01 10:00:00+05:30\n",
        '{"t": Column(pl.Datetime("us", "UTC"))}',
    ),
    of_csv(
        "delivered: an optional column in capitals",
        b"id,Currency\n1,USD\n",
        '{"id": Column(int), "currency": Column(str, required=False, default="EUR")}',
        options='on_unknown_columns="ignore"',
    ),
    of_csv(
        "delivered: an offset for a local time",
        b"t\n2024-07-01T12:00:00+0200\n",
        '{"t": Column(pl.Datetime)}',
        source='Csv(date_formats={"t": "%Y-%m-%dT%H:%M:%S%z"})',
    ),
    of_csv(
        "delivered: seven digits of a second",
        b"t\n2024-01-01 10:00:00.1234567\n",
        '{"t": Column(pl.Datetime)}',
        source='Csv(date_formats={"t": "%Y-%m-%d %H:%M:%S%.f"})',
    ),
    of_csv(
        "delivered: a year of two digits",
        b"d\n31.12.2024\n01.05.24\n",
        '{"d": Column(pl.Date)}',
        source='Csv(date_formats={"d": "%d.%m.%Y"})',
    ),
)
