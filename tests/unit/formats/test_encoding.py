"""Which texts pass for UTF-8 or UTF-16 where no encoding is declared, and what is said of the others."""

import gzip
import json
from io import BytesIO

import pytest

from filegate.errors import MalformedObject
from filegate.formats import sniff
from filegate.formats.encoding import Reencoded, decoded_anew, detect_encoding
from filegate.formats.sniff import SAMPLE_BYTES
from filegate.formats.sources import Csv, Json
from tests.unit.formats.support import MemoryBlob, expected, read_all

SENTENCES = {
    "cp1250": "Żółć gęślą jaźń, Gdańsk, Świnoujście",
    "cp1251": "Привет, Москва, Иванов, ещё",
    "cp1252": "Élève, café où, „Spaß“, 5 €",
    "cp1253": "Αθήνα, Θεσσαλονίκη",
    "cp437": "Élève, garçon, Ñandú",
    "cp852": "Žluťoučký kůň, Gdańsk",
    "cp866": "Привет, рано, стол, сама Москва",
    "iso8859-2": "Žluťoučký kůň, Gdańsk",
    "iso8859-15": "5 €, œuvre, Élève",
    "koi8-r": "Привет, Москва, Иванов",
    "mac-roman": "Élève, où, Ñandú",
    "shift_jis": "日本語, 東京都, ひらがな",
    "euc_jp": "日本語, 東京都, 山田太郎",
    "iso2022_jp": "日本語, 東京都",
    "big5": "中文測試, 台北市, 王小明",
    "gbk": "中文测试, 联通公司, 北京市",
    "cp949": "한국어 텍스트, 서울특별시",
}
CESU_8 = b"\xed\xa0\xbd\xed\xb8\x80"


@pytest.mark.parametrize(("codec", "sentence"), SENTENCES.items(), ids=SENTENCES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_another_encoding_is_refused_and_declared_is_read(codec, sentence, pack):
    rows = sentence.split(", ")
    csv = pack("".join(f"{line}\n" for line in ["a", *rows]).encode(codec))
    lines = pack("".join(json.dumps({"a": row}, ensure_ascii=False) + "\n" for row in rows).encode(codec))
    array = pack(json.dumps([{"a": row} for row in rows], ensure_ascii=False).encode(codec))
    for source, data in [(Csv, csv), (Json, lines), (Json, array)]:
        with pytest.raises(MalformedObject, match="neither UTF-8 nor UTF-16") as refused:
            sniff(MemoryBlob(data), [source()], expected("a"), "reject")
        assert codec in refused.value.problem
        assert f"{source.__name__}(encoding='" in str(refused.value.advice)
        assert not any(row in str(refused.value) for row in rows)
        declared = source(encoding=codec)
        assert read_all(data, ["a"], declared).rows == [(row,) for row in rows]


@pytest.mark.parametrize(
    ("data", "source", "sentence"),
    [
        (b"a,b\n1,2\n", Csv(encoding="utf-16"), r"the text is UTF-8; its source declares encoding='utf-16'"),
        (b"a,b\n1,2\n", Csv(encoding="UTF16"), r"the text is UTF-8; its source declares encoding='UTF16'"),
        (b"a,b\n1,2\n", Csv(encoding="utf-16-le"), "the text is UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), Csv(encoding="utf-8"), "the text is UTF-16-LE"),
        ("a,b\n1,2\n".encode("utf-16"), Csv(encoding="cp1252"), "the text is UTF-16; "),
        ("a,b\n1,2\n".encode("utf-32"), Csv(encoding="utf-16"), "the text is UTF-32; "),
        ("a,b\nx y,2\n".encode("cp037"), Csv(), r"reads as EBCDIC.*Csv\(encoding='cp037'\)"),
        (b"a\x00\xff\xfe\x81,b\n\x00\x00\xff", Csv(), "it has NUL bytes, which text has not"),
    ],
)
def test_what_the_bytes_are_is_said(data, source, sentence):
    with pytest.raises(MalformedObject, match=sentence):
        read_all(data, ["a", "b"], source)


def test_the_refusal_says_how_the_letters_read():
    with pytest.raises(MalformedObject, match=r"are ń Ś ł in cp1250; .*Csv\(encoding='cp1250'\)"):
        read_all("a\nGdańsk\nświt ń\nł Ś\n".replace("ś", "s").encode("cp1250"), ["a"])


def test_what_no_usual_encoding_fits_is_refused_too():
    with pytest.raises(MalformedObject, match="None that is usual for tables fits"):
        read_all(b"a\n\x81\xff\x01\x81\n", ["a"])


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        (b"plain", "utf-8"),
        ("é".encode() + b" \xe9", "utf-8"),
        ("é".encode() + b" \xe9 \xe9", None),
        ("é".encode() + b" \xe9 \xc3 \xed\xa0\xa0", "utf-8"),
        ("男,男,女".encode("gbk"), None),
        ("これはペンです".encode("euc_jp"), None),
        ("\ufffd".encode() + b" \xff", "utf-8"),
        (b"x\xe2\x82", "utf-8"),
        (b"x\xf0\x9f\x98", "utf-8"),
        (b"caf\xe9", None),
        (b"x\xe2\x82,1", None),
        (CESU_8, "utf-8"),
        (CESU_8 + b" \xff \xff", None),
        (b"\xc0\xaf", None),
        (b"\x1b[0m \x1b(B", "utf-8"),
        (b"\x1b$B", None),
    ],
)
def test_a_text_is_utf_8_if_most_of_its_words_are(head, codec):
    assert detect_encoding(head, ended=True) == codec


def test_what_the_sample_cuts_off_is_no_evidence():
    assert detect_encoding(b"caf\xc3", ended=False) == "utf-8"


def test_utf_8_with_a_few_bad_bytes_stays_utf_8():
    mixed = read_all("a,b\n1,é\n".encode() + "2,é\n".encode("latin-1"), ["a", "b"])
    assert mixed.rows == [("1", "é")]
    assert mixed.rules == [(2, "record:encoding")]
    assert "Csv(encoding=" in mixed.malformed[0].broken.allowed


@pytest.mark.parametrize(
    "bad",
    [
        b"x\xe2\x82",
        b"\xf0\x9f\x98",
        CESU_8,
        b"\xed\xa0\xbd",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf5\x80\x80\x80",
        b"\xff",
    ],
)
def test_what_is_not_utf_8_costs_its_record(bad):
    for end in (b"", b"\n"):
        result = read_all("a,b\né,1\n".encode() + b"y," + bad + end, ["a", "b"])
        assert (result.rows, result.rules) == ([("é", "1")], [(2, "record:encoding")])
    lines = read_all('{"a": "é"}\n{"a": "'.encode() + bad + b'"}\n', ["a"], Json())
    assert (lines.rows, lines.rules) == ([("é",)], [(2, "record:encoding")])
    array = read_all('[{"a": "é"}, {"a": "'.encode() + bad + b'"}]', ["a"], Json())
    assert (array.rows, array.rules) == ([("é",)], [(2, "record:encoding")])


def test_another_encoding_behind_the_sample_costs_its_records():
    filler = "x,y\n" * (SAMPLE_BYTES // 4)
    result = read_all(b"a,b\n" + filler.encode() + b"\xe9,1\nz,2\n", ["a", "b"])
    rows = SAMPLE_BYTES // 4
    assert (result.rows[-1], result.rules) == (("z", "2"), [(rows + 1, "record:encoding")])


def test_utf_16_of_an_odd_length_costs_its_last_record():
    result = read_all("a,b\n1,2\n3,4".encode("utf-16-le")[:-1], ["a", "b"])
    assert (result.rows, result.rules) == ([("1", "2")], [(2, "record:encoding")])
    assert result.malformed[0].broken.value == "0x34 at character 3 of the record"


@pytest.mark.parametrize("codec", ["cp037", "utf-16-le", "utf-16-be", "utf-32-be"])
def test_the_format_shows_in_the_declared_encoding(codec):
    city = "Moskau" if codec == "cp037" else "Москва, Санкт-Петербург"
    line = f'{{"a": "{city}"}}\n'.encode(codec)
    assert read_all(line, ["a"], Json(encoding=codec)).rows == [(city,)]
    assert read_all("a\nMoskau\n".encode(codec), ["a"], Csv(encoding=codec)).rows == [("Moskau",)]


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
def test_a_declared_encoding_without_its_mark_needs_the_order_of_its_bytes(codec):
    data = "Щит\nЩиты\n".encode(f"{codec}-be")
    with pytest.raises(MalformedObject, match=f"no byte-order mark.*Csv\\(encoding='{codec}-be'\\)"):
        read_all(data, ["Щит"], Csv(encoding=codec))
    assert read_all(data, ["Щит"], Csv(encoding=f"{codec}-be")).rows == [("Щиты",)]


@pytest.mark.parametrize("encoding", ["cp1252", "gb18030", "utf-16"])
def test_a_mark_contradicts_the_declaration(encoding):
    with pytest.raises(MalformedObject, match=f"starts with the byte-order mark of UTF-8.*encoding='{encoding}'"):
        read_all(b"\xef\xbb\xbfa\n1\n", ["a"], Csv(encoding=encoding))


@pytest.mark.parametrize(
    ("data", "before", "now", "text"),
    [
        (b"\xb3 \x81", "cp1252", "cp1250", "ł \udc81"),
        (b"\xb3 \x8d", "utf-8", "cp1250", "ł Ť"),
        (b"\xb3 \x8d", "cp1252", "cp1250", "ł Ť"),
        ("日本".encode("shift_jis"), "cp1252", "shift_jis", "日本"),
        ("é".encode(), "cp1252", "utf-8", "é"),
        (b"\x81", "cp1252", "utf-8", None),
    ],
)
def test_a_replayed_record_is_decoded_anew_from_the_files_bytes(data, before, now, text):
    [record] = read_all(b"a,b,c\n" + data + b"\n", ["a", "b", "c"], Csv(encoding=before)).malformed
    found = decoded_anew(record.raw, before, now)
    assert found == (data if text is None else text.encode("utf-8", "surrogatepass"))


def test_a_record_of_wide_units_is_not_decoded_anew():
    record = "ż".encode()
    assert decoded_anew(record, "utf-16", "utf-16-be") == decoded_anew(record, "utf-8", "utf-16-le") == record


def test_an_escape_sequence_without_an_end_is_malformed():
    stream = Reencoded(BytesIO(b"\x1b$" + b"(" * 40), "iso2022_jp", "file")
    with pytest.raises(MalformedObject, match="file: the text cannot be decoded as iso2022_jp"):
        while stream.read(7):
            pass
