"""JSON, by the line and as an array."""

from __future__ import annotations

from .case import lines, of_json

_THREE = '{"id": Column(int), "text": Column(str, nullable=True), "amount": Column(float, nullable=True)}'
_COERCED = (
    '{"id": Column(int), "text": Column(str, nullable=True), "amount": Column(float, nullable=True)}, coerce=True'
)
_TYPES = """{
    "small": Column(pl.Int8, nullable=True), "big": Column(pl.UInt64, nullable=True),
    "single": Column(pl.Float32, nullable=True), "money": Column(pl.Decimal(9, 2), nullable=True),
    "flag": Column(bool, nullable=True), "day": Column(pl.Date, nullable=True),
    "at": Column(pl.Datetime("ms", "Europe/Berlin"), nullable=True), "clock": Column(pl.Time, nullable=True),
    "kind": Column(pl.Enum(["a", "b"]), nullable=True), "word": Column(pl.Categorical(), nullable=True)}"""
_VALUES = rb"""
{"small": -128, "big": 18446744073709551615, "single": 0.1, "money": 12.50, "flag": true, "day": "2024-02-29"}
{"small": 128, "big": -1, "single": 1e39, "money": 12.505, "flag": "yes", "day": "2023-02-29"}
{"at": "2024-07-01T12:00:00.123Z", "clock": "09:30:00.5", "kind": "a", "word": "w"}
{"at": "2024-03-31 02:30:00", "clock": "24:00:00", "kind": "c", "word": 1}
{"at": 1719828000, "clock": 930, "kind": null, "day": 20240101}
{"small": 1.0, "big": 1e3, "single": NaN, "money": 1e1, "flag": 1, "word": true}
{"small": -0, "big": 0, "single": -0.0, "money": -0.00, "flag": false, "word": ""}
"""
_KINDS = rb"""{"id": 1, "text": "a", "amount": 1.5}
{"id": "2", "text": 3, "amount": "4.5"}
{"id": 3.0, "text": 1.50, "amount": 1}
{"id": 4, "text": true, "amount": false}
{"id": 5, "text": null, "amount": null}
{"id": 6}
{"id": 1e1, "text": "x"}
{"id": 123456789012345678901234567890, "amount": 1e999}
{"id": true, "text": "", "amount": ""}
"""
_ODD = rb"""{"id": 1, "text": "\u00fc\n\t\"\\\/\ud83c\udf88"}
{"id": 2, "text": "\ud83c"}
{"id": 3, "text": "\u0000"}
 { "text" : "spaced" , "id" : 4 }
{"\u0069d": 5, "text": "escaped key"}
{"id": 6, "text": "tab	inside"}
{"id": 7, "text": "\x"}
"""
_BROKEN = b"""{"id": 1, "text": "a"}
{"id": 2, "text": "b"
{"id": 3, "text": "c"} trailing
{"id": 4,}
[{"id": 5}]
6
"seven"
null
{}

{'id': 8}
{"id": 9} {"id": 10}
{"id": 11, "text": "\xff"}
{"id": 12, "text": "\0"}
{"id": 13, "text": "z"}
"""
_NESTED = b"""{"id": 1, "text": {"a": [1, "b", null]}, "amount": 1}
{"id": 2, "text": [], "amount": [2.5]}
{"id": [3], "text": "c"}
{"id": 4, "text": "d", "amount": {}}
"""
_UNKNOWN = b"""{"id": 1, "text": "a", "more": {"b": [1, 2.50, {"c": null}]}, "again": "x"}
{"id": 2, "text": "b"}
{"id": 3, "text": "c", "amount": 3, "flag": true, "n": 1e5, "none": null}
{"id": "x", "text": "d", "more": "\\u00fc\\n"}
{"id": 5, "": 1, "ID": 5}
"""
_ARRAY = b"[" + b",\n".join(_UNKNOWN.splitlines()) + b"]\n"
_LONG = lines(f'{{"id": {n}, "text": "{"t" * (n % 30)}", "amount": {n}.5}}' for n in range(60))

CASES = (
    of_json("json: kinds of values", _KINDS, _THREE),
    of_json("json: kinds of values, coerced", _KINDS, _COERCED),
    of_json("json: types", _VALUES, _TYPES),
    of_json("json: types, coerced", _VALUES, f"{_TYPES}, coerce=True"),
    of_json(
        "json: date formats and null values",
        b'{"d": "31.01.2024"}\n{"d": "n/a"}\n{"d": "2024-01-31"}\n{"d": null}\n',
        '{"d": Column(pl.Date, nullable=True)}',
        source='Json(date_formats={"d": "%d.%m.%Y"}, null_values=["n/a"])',
    ),
    of_json("json: escapes", _ODD, _THREE),
    of_json("json: broken lines", _BROKEN, _THREE),
    of_json("json: bytes that are not UTF-8", '{"id": 1, "text": "é"}\n'.encode() + _BROKEN, _THREE),
    of_json("json: nested values in the contract's columns", _NESTED, _THREE),
    of_json(
        "json: keys twice",
        b'{"id": 1, "id": 2}\n{"id": 3, "x": {"a": 1, "a": 2}}\n{"id": 4, "text": "d"}\n',
        _THREE,
        options='on_unknown_columns="ignore", tolerated_rejects=1.0',
    ),
    of_json("json: unknown keys rejected", _UNKNOWN, _THREE),
    of_json(
        "json: unknown keys ignored", _UNKNOWN, _THREE, options='on_unknown_columns="ignore", tolerated_rejects=1.0'
    ),
    of_json(
        "json: unknown keys rescued", _UNKNOWN, _THREE, options='on_unknown_columns="rescue", tolerated_rejects=1.0'
    ),
    of_json(
        "json: CRLF, blank lines and a mark", b'\xef\xbb\xbf\r\n{"id": 1}\r\n\r\n  \r\n{"id": "x"}\r\n\x1a', _THREE
    ),
    of_json("json: lines in chunks", _LONG, _THREE, chunk_bytes=130),
    of_json("json: lines in chunks with faults", _LONG.replace(b"7,", b"7.5,"), _THREE, chunk_bytes=400),
    of_json(
        "json: nested too deeply", b'{"id": 1, "text": ' + b"[" * 200 + b"]" * 200 + b"}\n" + b'{"id": 2}\n', _THREE
    ),
    of_json("json: a missing column", b'{"text": "a"}\n{"id": 2}\n', '{"id": Column(int), "text": Column(str)}'),
    of_json("json: all lines broken", b"{\n}\n", _THREE),
    of_json("json: array", _ARRAY, _THREE),
    of_json(
        "json: array in chunks", b" [ \n" + b" ,\r\n ".join(_LONG.splitlines()) + b" \n]\n ", _THREE, chunk_bytes=150
    ),
    of_json(
        "json: array of anything",
        b'[{"id": 1, "text": "\xc3\xa9"}, 2, "three", null, [4], {}, {"id": 7,\n "text": "\xff"}]',
        _THREE,
    ),
    of_json(
        "json: array, pretty", b'[\n  {\n    "id": 1,\n    "text": "a"\n  },\n  {\n    "id": "x"\n  }\n]\n', _THREE
    ),
    of_json(
        "json: array with an element that is too long",
        b'[{"id": 1}, {"id": 2, "text": "\\"[' + b"x" * (1 << 20) + b'"},\n{"id": 3, "text": "c"}]',
        _THREE,
        chunk_bytes=64,
    ),
    of_json("json: array that is empty", b"[ ]", _THREE),
    of_json("json: array that is cut off", b'[{"id": 1}, {"id": 2}', _THREE),
    of_json("json: array with a comma too many", b'[{"id": 1},]', _THREE),
    of_json("json: array with a malformed element", b'[{"id": 1}, {"id": }]', _THREE, chunk_bytes=8),
    of_json("json: text behind the array", b'[{"id": 1}] more', _THREE),
    of_json("json: CSV instead", b"id,text,amount\n1,a,2\n", _THREE),
    of_json("json: blanks only", b" \n\t\r\n", _THREE),
    of_json("json: or CSV, whichever comes", b'{"id": 1}\n', _THREE, source="[Csv(), Json()]"),
)
