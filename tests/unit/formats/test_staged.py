"""Compressed and re-encoded text: bounded, exact, and as tolerant of bad records as plain text."""

import gzip
import zlib

import pytest
import zstandard

from filegate.errors import MalformedObject, ObjectTooLarge
from filegate.formats import compression, text
from filegate.formats.sources import Csv, Json
from tests.unit.formats.support import read_all

TABLE = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(20_000))
ROWS = [(str(n), str(n * n)) for n in range(20_000)]
SKIPPABLE = b"\x5a\x2a\x4d\x18\x05\0\0\0notes"


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(TABLE),
        gzip.compress(TABLE[:5000]) + gzip.compress(TABLE[5000:]),
        gzip.compress(TABLE) + b"\0" * 512,
        zstandard.compress(TABLE),
        zstandard.compress(TABLE[:5000]) + zstandard.compress(TABLE[5000:]),
        SKIPPABLE + zstandard.compress(TABLE[:5000]) + SKIPPABLE + zstandard.compress(TABLE[5000:]) + SKIPPABLE,
        TABLE.decode().encode("utf-16"),
        gzip.compress(TABLE.decode().encode("utf-16-le")),
    ],
    ids=["gzip", "two members", "padded", "zstd", "two frames", "skippable frames", "utf-16", "utf-16 in gzip"],
)
def test_the_text_is_what_counts(data):
    result = read_all(data, ["a", "b"], chunk_bytes=10_000)
    assert result.rows == ROWS
    assert len(result.chunks) > 10
    assert b"".join(chunk.data or b"" for chunk in result.chunks) == TABLE[4:]
    assert result.offsets[1] == TABLE.index(b"1,1")


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_truncated_data_says_how_far_it_could_be_read(compress):
    data = compress(TABLE)[:-30]
    with pytest.raises(
        MalformedObject, match=rf"truncated: it ends after {len(data)} bytes, which decompress to \d{{4,}}"
    ):
        read_all(data, ["a", "b"])


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress])
def test_corrupt_data_is_malformed(compress):
    data = bytearray(compress(TABLE))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xaa" * 40
    with pytest.raises(MalformedObject, match=r"corrupt|truncated"):
        read_all(bytes(data), ["a", "b"])


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"compression_params": zstandard.ZstdCompressionParameters.from_level(3, window_log=31)},
            "window of more than",
        ),
        (
            {"dict_data": zstandard.train_dictionary(999, [TABLE[i : i + 90] for i in range(0, 9000, 9)])},
            "a dictionary",
        ),
    ],
)
def test_what_zstd_cannot_decompress_is_not_called_corrupt(parameters, sentence):
    compressor = zstandard.ZstdCompressor(**parameters).compressobj()
    with pytest.raises(MalformedObject, match=sentence):
        read_all(compressor.compress(TABLE) + compressor.flush(), ["a", "b"])


def test_garbage_after_the_last_member_is_malformed():
    with pytest.raises(MalformedObject, match="corrupt"):
        read_all(gzip.compress(TABLE) + b"garbage", ["a", "b"])


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_is_stopped_by_its_ratio(kind, monkeypatch):
    monkeypatch.setattr(compression, "RATIO_FREE_BYTES", 4 << 20)
    compressor = zlib.compressobj(9, wbits=31) if kind == "gzip" else zstandard.ZstdCompressor().compressobj()
    data = b"".join([compressor.compress(b"a,b\n"), *(compressor.compress(b"1,2\n" * (1 << 18)) for _ in range(32))])
    with pytest.raises(ObjectTooLarge, match="more than 200 times its compressed size"):
        read_all(data + compressor.flush(), ["a", "b"])


def test_what_expands_too_far_is_stopped_by_its_size(monkeypatch):
    monkeypatch.setattr(compression, "MAX_TEXT_BYTES", 100_000)
    with pytest.raises(ObjectTooLarge, match="more than 100000 bytes decompressed"):
        read_all(gzip.compress(TABLE), ["a", "b"])


@pytest.mark.parametrize("source", [Csv(), Json()])
def test_what_is_too_large_is_refused_before_it_is_read(monkeypatch, source):
    monkeypatch.setattr(text, "MAX_TEXT_BYTES", 10)
    with pytest.raises(ObjectTooLarge, match=r"has 1\d bytes; up to 10 are read. Deliver several files."):
        read_all(b'{"a":1,"b":2}\n' if isinstance(source, Json) else b"a,b\n1,2\n3,4\n", ["a", "b"], source)


def test_a_short_file_may_compress_as_well_as_it_likes():
    assert len(read_all(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000), ["a", "b"]).rows) == 100_000


def test_bytes_outside_the_declared_encoding_cost_their_record():
    data = b"a,b\n\x80,2\n\x81,4\n5,6\n"
    result = read_all(data, ["a", "b"], Csv(encoding="cp1252"))
    assert result.rows == [("€", "2"), ("5", "6")]
    assert result.rules == [(2, "record:encoding")]
    broken = result.malformed[0].broken
    assert (broken.value, broken.allowed) == (
        "0x81 at character 1 of the record",
        "text in the declared encoding, cp1252",
    )


def test_a_nul_in_a_decoded_text_is_found_by_its_character():
    [bad] = read_all("a,b\né\0,2\n".encode("utf-16"), ["a", "b"]).malformed
    assert (bad.broken.rule, bad.broken.value) == ("record:nul", "NUL at character 2 of the record")


def test_half_a_character_at_the_end_costs_the_last_record():
    result = read_all("a,b\n1,2\n3,é\n".encode("utf-16")[:-3], ["a", "b"])
    assert result.rows == [("1", "2")]
    assert result.rules == [(2, "record:encoding")]


def test_of_an_endless_record_only_the_first_bytes_are_staged(monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 100)
    result = read_all(gzip.compress(b"a,b\n1,2\n" + b"x" * 50_000 + b"\r\n3,4\n"), ["a", "b"], chunk_bytes=1000)
    assert result.rows == [("1", "2"), ("3", "4")]
    [bad] = result.malformed
    assert (bad.row, bad.broken.value) == (2, "50000 bytes")
    assert all(len(chunk.data or b"") <= 103 for chunk in result.chunks)
    assert result.offsets == [4, 8, 50_010]
