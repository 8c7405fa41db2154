"""Python's codecs are the oracle: what is published is their strict decoding; undeclared, that of Unicode."""

import io
import json
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filegate.errors import EmptyObject, MalformedObject
from filegate.formats.encoding import Reencoded, undecodable
from filegate.formats.sources import Csv, Json
from tests.unit.formats.support import Outcome, read_all

CODECS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1250", "cp1251", "cp1252", "iso8859-2", "iso8859-15"),
    *("koi8-r", "cp437", "cp866", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "big5", "gbk", "gb18030", "cp949"),
)


@cache
def letters(codec: str) -> str:
    """Those beyond ASCII that the codec has a form for."""
    found = (
        chr(code).encode(codec, "ignore").decode(codec) for code in (*range(0xA1, 0x700), *range(0x2010, 0xD7A4, 7))
    )
    return "".join(letter for letter in found if letter.isprintable() and not letter.isascii())


def texts(codec: str) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(letters(codec)) | st.sampled_from("ab1"), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(CODECS), st.booleans())
def test_a_declared_encoding_is_read_as_python_does(data, codec, as_json):
    values = data.draw(st.lists(texts(codec), min_size=1, max_size=5))
    raw = document(values, as_json=as_json).encode(codec)
    wanted = read_values(raw.decode(codec), as_json=as_json)
    result = read(raw, codec, as_json=as_json)
    assert [value for value, _ in result.rows] == wanted


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(CODECS), st.booleans())
def test_undeclared_no_other_letter_is_published(data, codec, as_json):
    values = data.draw(st.lists(texts(codec), min_size=1, max_size=5))
    published_is_the_files(document(values, as_json=as_json).encode(codec), as_json=as_json)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=5), st.booleans())
@example([b"x\xe2\x82"], False)
@example([b"\xed\xa0\xbd\xed\xb8\x80"], True)
def test_no_bytes_are_published_as_other_letters(values, as_json):
    around = (b'{"a": "', b'", "b": "x"}\n') if as_json else (b"", b",x\n")
    raw = b"".join(around[0] + value + around[1] for value in values)
    published_is_the_files(raw if as_json else b"a,b\n" + raw, as_json=as_json)


def document(values: list[str], *, as_json: bool) -> str:
    if as_json:
        return "".join(json.dumps({"a": value, "b": "x"}, ensure_ascii=False) + "\n" for value in values)
    return "a,b\n" + "".join(f"{value},x\n" for value in values)


def read(raw: bytes, codec: str | None, *, as_json: bool) -> Outcome:
    return read_all(raw, ["a", "b"], Json(encoding=codec) if as_json else Csv(encoding=codec))


def read_values(text: str, *, as_json: bool) -> list[str]:
    lines = text.removesuffix("\n").split("\n")
    return [json.loads(line)["a"] for line in lines] if as_json else [line.removesuffix(",x") for line in lines[1:]]


def published_is_the_files(raw: bytes, *, as_json: bool) -> None:
    """Every row that is published is in the strict decoding of the bytes."""
    try:
        result = read(raw, None, as_json=as_json)
    except (MalformedObject, EmptyObject):
        return
    published = {str(value) for value, _ in result.rows if value is not None}
    codec = result.layout.encoding
    if codec == "utf-8":
        for value in published:
            form = json.dumps(value, ensure_ascii=False)[1:-1] if as_json else value
            assert form.encode() in raw or value.encode() in raw
    else:
        text = raw.decode(codec)
        assert codec.startswith("utf-")
        assert published <= set(read_values(text, as_json=as_json))


def reencoded(stream: io.BytesIO, codec: str) -> bytes:
    text = Reencoded(stream, codec, "file")
    return b"".join(iter(lambda: text.read(100), b""))


class Dripping(io.BytesIO):
    """Gives no more than a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, _: int | None = None) -> bytes:
        return super().read(self._size)


BITS = [b"a", b"\n", "ß".encode(), "€".encode(), b"\xdf", b"\x93", b"\xe2", b"\x82", b"\xf0\x9f", b"\x81", b"\xff"]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(BITS)).map(b"".join), st.sampled_from(CODECS[5:]), st.integers(1, 5))
def test_how_the_bytes_arrive_changes_nothing(data, codec, size):
    assert reencoded(Dripping(data, size), codec) == reencoded(io.BytesIO(data), codec)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(BITS)).map(b"".join), st.sampled_from(["cp1252", "cp1253", "shift_jis", "utf-16-le"]))
def test_a_reason_has_the_files_own_byte(data, codec):
    try:
        data.decode(codec)
    except UnicodeDecodeError as error:
        [invalid] = {error.start}
    else:
        return
    record = reencoded(io.BytesIO(data), codec)
    broken = undecodable(record, codec, Csv(encoding=codec))
    character = len(data[:invalid].decode(codec)) + 1
    assert broken.value == f"0x{data[invalid]:02x} at character {character} of the record"


@pytest.mark.parametrize("codec", CODECS[5:])
def test_each_byte_is_read_as_python_does(codec):
    for byte in range(0x80, 0x100):
        raw = bytes([byte])
        published = [value for value, _ in read_all(b"a,b\n" + raw + b",x\n", ["a", "b"], Csv(encoding=codec)).rows]
        try:
            assert published == [(raw + b",").decode(codec).removesuffix(",")]
        except UnicodeDecodeError:
            assert published == []
