import json
import tracemalloc

import polars as pl
import pytest

from filegate.errors import MalformedObject
from filegate.formats import ExpectedColumn, RawChunk, make_reader, sniff
from filegate.formats.json import reader as json_reader
from filegate.formats.json.record import _object
from filegate.formats.sources import Json
from filegate.runs.broken_rule import BrokenRule
from tests.unit.formats.support import MemoryBlob, chunk_of, expected, read_all


def test_the_received_value_is_the_record_around_the_error():
    line = b'{"a": "' + b"x" * 1000 + b'", "b": tru, "c": "' + b"y" * 1000 + b'"}'
    [bad] = read_all(b'{"a": 1}\n' + line, ["a"], Json()).malformed
    at = line.index(b"tru,")
    value = line[at - 100 : at + 100].decode()
    assert bad.broken == BrokenRule("record:json", None, value, f"a JSON object (character {at + 1}: expecting value)")


def test_values_become_text_and_numbers_keep_their_digits():
    line = b'{"a": 1.10, "b": true}\n{"a": 12345678901234567890123, "b": null}\n{"b": "x"}\n{"a": -1E5, "b": ""}'
    assert read_all(line, ["a", "b"], Json()).rows == [
        ("1.10", "true"),
        ("12345678901234567890123", None),
        (None, "x"),
        ("-1E5", ""),
    ]


def test_null_values_are_null():
    assert read_all(b'{"a": "NA", "b": -1}', ["a", "b"], Json(null_values=("NA", "-1"))).rows == [(None, None)]


@pytest.mark.parametrize(
    ("line", "rule", "received"),
    [
        (b'{"a": 1', "record:json", '{"a": 1'),
        (b'{"a": 1} x', "record:json", '{"a": 1} x'),
        (b'{"a": NaN}', "record:json", "NaN"),
        (b'{"a": -Infinity}', "record:json", "-Infinity"),
        (b'{"a": "\\ud800"}', "record:json", r"\ud800"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "record:json", '{"a": [[['),
        (b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "record:json", '{"a": [[['),
        (b"[1]", "record:not_an_object", "[1]"),
        (b"1", "record:not_an_object", "1"),
        (b"null", "record:not_an_object", "null"),
        (b'{"a": 1, "a": 2}', "record:duplicate_key", "'a' twice"),
        (b'{"a": "\xff"}', "record:encoding", "0xff at byte 7"),
        (b'{"a": "\0"}', "record:json", '{"a": "\0"}'),
    ],
)
def test_one_malformed_line_costs_one_row(line, rule, received):
    data = '{"a": "é"}\r\n\n'.encode() + line + b'\n{"a": "z"}'
    result = read_all(data, ["a"], Json(encoding="utf-8"))
    assert result.rows == [("é",), ("z",)]
    [bad] = result.malformed
    assert (bad.row, bad.raw, bad.broken.rule) == (2, line, rule)
    assert received in str(bad.broken.value)
    if rule == "record:json":
        assert str(bad.broken.value) in line.decode()
    assert result.offsets == [0, 14, 15 + len(line)]


def test_a_nested_value_breaks_the_type_rule_of_its_column():
    result = read_all(b'{"a": {"x": [1.10, true, null, "y"]}, "b": "' + b"z" * 300 + b'"}', ["a", "b"], Json())
    [(row, broken)] = result.broken
    assert (row, broken.rule, broken.column) == (1, "a:type", "a")
    assert json.loads(str(broken.value)) == {"x": [1.1, True, None, "y"]}
    assert "1.10" in str(broken.value)
    assert result.rows == [(None, "z" * 300)]


def test_a_shown_value_is_shortened():
    [(_, broken)] = read_all(b'{"a": [' + b"1," * 500 + b"1]}", ["a"], Json()).broken
    assert len(str(broken.value)) == 200


@pytest.mark.parametrize(
    ("scalar", "fits"),
    [("text", ['"x"']), ("number", ["1"]), ("boolean", ["true"]), ("temporal", ['"x"'])],
)
def test_without_coercion_the_json_type_must_be_the_columns(scalar, fits):
    for value in ['"x"', "1", "true", "null"]:
        column = ExpectedColumn("a", scalar=scalar, coerce=False)
        result = read_all(f'{{"a": {value}}}'.encode(), [column], Json())
        assert [broken.rule for _, broken in result.broken] == ([] if value in [*fits, "null"] else ["a:type"])
        assert read_all(f'{{"a": {value}}}'.encode(), [ExpectedColumn("a", scalar=scalar)], Json()).broken == []


def test_unknown_keys():
    data = b'{"a": 1, "x": {"y": 1.10}, "z": null, "w": "t"}\n{"a": 2}\n'
    rejected = read_all(data, ["a"], Json())
    assert rejected.broken == [(1, BrokenRule("*:unknown", None, '["x", "z", "w"]', "only the contract's columns"))]
    assert read_all(data, ["a"], Json(), on_unknown_columns="ignore").rows == [("1",), ("2",)]
    rescued = read_all(data, ["a"], Json(), on_unknown_columns="rescue").frame["_rescued"].to_list()
    assert rescued == ['{"x": {"y": 1.10}, "z": null, "w": "t"}', None]


def test_rescued_values_are_strings_and_nested_ones_are_json_as_it_is_written():
    line = r'{"a": 1, "n": 1.50, "b": true, "s": "1", "x": [1E+05, "\u00e9\"", {"k": -0, "l": null}], "": "{\"y\": 1}"}'
    [rescued] = read_all(line.encode(), ["a"], Json(), on_unknown_columns="rescue").frame["_rescued"]
    assert (
        rescued == r'{"n": "1.50", "b": "true", "s": "1", "x": [1E+05, "é\"", {"k": -0, "l": null}], "": "{\"y\": 1}"}'
    )


@pytest.mark.parametrize("on_unknown", ["reject", "ignore", "rescue"])
@pytest.mark.parametrize("line", ['{"data": [{"a": 1}]}', "{}", '{"A1": 1, "data": null}', '{"x": "y"}'])
def test_a_record_without_a_column_of_the_contract_is_no_row_of_nulls(line, on_unknown):
    data = f'{{"a": 1}}\n{line}\n{line}\n'.encode()
    result = read_all(data, ["a", "b"], Json(), on_unknown_columns=on_unknown)
    assert result.frame.height == 1
    assert result.rules == [(2, "record:columns"), (3, "record:columns")]
    assert json.loads(str(result.malformed[0].broken.value)) == list(json.loads(line))


@pytest.mark.parametrize("on_unknown", ["ignore", "rescue"])
@pytest.mark.parametrize("key", ["Currency", "CURRENCY", " currency", "curr-ency", "curren\\u0063Y", "cur_rency"])
def test_a_column_in_another_spelling_is_not_missing(key, on_unknown):
    line = f'{{"a": 1, "{key}": "USD", "x": 1}}'
    data = "\n".join([line, line, '{"a": 2, "currency": "EUR", "x": 2}', '{"a": 3, "x": 3}']).encode()
    result = read_all(data, ["a", "currency"], Json(), on_unknown_columns=on_unknown)
    assert [(row, broken.rule) for row, broken in result.broken] == [(1, "*:unknown"), (2, "*:unknown")]
    assert json.loads(str(result.broken[0][1].value)) == [json.loads(f'"{key}"')]
    assert result.broken[0][1].allowed == "the columns as they are spelt: 'currency'"


def test_a_key_that_is_like_a_column_that_the_record_has_is_unknown():
    data = b'{"a": 1, "currency": "USD", "Currency": "x"}\n' * 2
    result = read_all(data, ["a", "currency"], Json(), on_unknown_columns="ignore")
    assert result.broken == []
    assert result.rows == [("1", "USD")] * 2


@pytest.mark.parametrize("name", ["__row__", "_rescued"])
def test_an_unknown_key_may_have_any_name(name):
    data = f'{{"a": 1, "{name}": 7, "z": 8}}'.encode()
    [rescued] = read_all(data, ["a"], Json(), on_unknown_columns="rescue").frame.to_dicts()
    assert rescued == {"__row__": 1, "a": "1", "_rescued": f'{{"{name}": "7", "z": "8"}}'}


def test_a_broken_rule_has_no_more_of_a_record_than_it_may():
    key = b"k" * 500_000
    lines = [b'{"a": 1, "' + key + b'": 1}', b'{"' + key + b'": 1, "' + key + b'": 1}', b'{"a": ["' + key + b'"]}']
    lines += [b'["' + key + b'"]', b'{"a": ' + b"1" * 500_000 + b"x}", b'{"a": 1, "alice@example.com": 1}']
    result = read_all(b"\n".join(lines), ["a"], Json())
    broken = [*(broken for _, broken in result.broken), *(record.broken for record in result.malformed)]
    assert len(broken) == len(lines)
    assert all(len(each.value or "") <= 210 for each in broken)
    assert {each.rule for _, each in result.broken} == {"*:unknown", "a:type"}


def test_records_that_break_a_rule_keep_their_bytes():
    long = b'{"a": "' + b"x" * 100_000 + b'", "b": 1}'
    lines = [b'{"a": 1}', b' {"a": [1]}', b"{", long, b'{"a": 2}', b'{"a": [], "b": 2}']
    result = read_all(b"\r\n".join(lines), ["a"], Json(), chunk_bytes=30)
    assert result.originals.schema == {"__row__": pl.Int64, "raw": pl.Binary}
    assert result.originals.rows() == [(2, lines[1]), (4, long[: 64 << 10]), (6, lines[5])]
    assert {row for row, _ in result.broken} == {2, 4, 6}


def test_many_broken_rules_take_little_memory():
    data = (b'{"a":1,' + b",".join(b'"n%d":1' % n for n in range(20)) + b"}\n") * 20_000
    blob, columns = MemoryBlob(data), expected("a")
    layout = sniff(blob, [Json()], columns, "reject")
    reader = make_reader(layout, Json(), columns, "reject")
    tracemalloc.start()
    records = reader.read(blob, chunk_of(RawChunk(0, len(data), 20_000), 1))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(records.broken) == records.originals.height == 20_000
    assert held < 10 << 20
    assert peak < 15 << 20


def test_as_many_keys_as_a_record_can_have_take_bounded_memory():
    line = b'{"a":1' + b"".join(b',"%x":1' % n for n in range(0x10000, 0x10000 + 104_000)) + b"}\n"
    assert 1_000_000 < len(line) < 1 << 20
    blob, columns = MemoryBlob(line * 2), expected("a")
    layout = sniff(blob, [Json()], columns, "rescue")
    reader = make_reader(layout, Json(), columns, "rescue")
    tracemalloc.start()
    records = reader.read(blob, chunk_of(RawChunk(0, blob.size, 2), 1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert records.frame.height == 2
    assert peak < 80 << 20


def test_a_repeated_key_is_found_in_one_walk(monkeypatch):
    keys = [_Counted(f"{n}") for n in range(2000)]
    monkeypatch.setattr(_Counted, "compared", 0)
    with pytest.raises(Exception, match="1999"):
        _object([(key, 1) for key in [*keys, _Counted("1999")]])
    assert _Counted.compared < 10_000


class _Counted(str):
    """A string that counts the comparisons of all of them."""

    compared = 0

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        _Counted.compared += 1
        return super().__eq__(other)


def test_half_a_surrogate_pair_outside_an_object_can_be_quarantined():
    result = read_all(b'{"a": 1}\n"\\ud800"\n["\\udfff"]\n{"\\udfff": 1, "\\udfff": 1}', ["a"], Json())
    assert [rule for _, rule in result.rules] == ["record:json", "record:json", "record:duplicate_key"]
    for record in result.malformed:
        assert str(record.broken.value).encode()


def test_blank_lines_are_no_records():
    data = b' \t\n{"a": 1}\n   \r\n\r\t{"a": [2]}\n\t\n{"a": 3\n  '
    for chunk_bytes in (1, 9, 1000):
        result = read_all(data, ["a"], Json(), chunk_bytes=chunk_bytes)
        assert result.rows == [("1",), (None,)]
        assert [*result.rules, *((row, broken.rule) for row, broken in result.broken)] == [
            (3, "record:json"),
            (2, "a:type"),
        ]
        assert [data[offset : offset + 6] for offset in result.offsets] == [b'{"a": '] * 3


@pytest.mark.parametrize("blank_lines", [1, 100_000])
def test_a_blank_line_over_the_limit_is_a_record(blank_lines, monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 100)
    result = read_all(b'{"a": 1}\n' + b" " * 300 + b" \n" * blank_lines + b'{"a": 2}', ["a"], Json())
    assert result.rules == [(2, "record:too_long")]
    assert result.rows == [("1",), ("2",)]


def test_blanks_between_elements_are_read_as_few_lines(monkeypatch):
    separated = pl.Series.explode
    lengths = []

    def explode(lines):
        lengths.append(len(separated(lines)))
        return separated(lines)

    monkeypatch.setattr(pl.Series, "explode", explode)
    data = b'[{"a": 1}' + b" \n" * 50_000 + b',\n{"a": 2},{"a": 3} \n ]' + b"\n" * 100_000
    result = read_all(data, ["a"], Json())
    assert result.rows == [("1",), ("2",), ("3",)]
    assert [data[offset : offset + 1] for offset in result.offsets] == [b"{"] * 3
    assert 0 < sum(lengths) < 20


ARRAY = ' [ {"a": "],[",\n  "b": 1} ,{"a": "\\"", "b": "é"}\r\n, 5,{"a": [1]} ]\n'.encode()


@pytest.mark.parametrize("chunk_bytes", [1, 7, 30, 1000])
def test_an_array_is_read_element_by_element_wherever_it_is_split(chunk_bytes):
    result = read_all(ARRAY, ["a", "b"], Json(), chunk_bytes=chunk_bytes)
    assert result.rows == [("],[", "1"), ('"', "é"), (None, None)]
    assert result.rules == [(3, "record:not_an_object")]
    assert [(row, broken.rule) for row, broken in result.broken] == [(4, "a:type")]
    assert [ARRAY[offset : offset + 1] for offset in result.offsets] == [b"{", b"{", b"5", b"{"]
    assert sum(len(chunk.data or b"") for chunk in result.chunks) == len(ARRAY) - result.layout.data_start


@pytest.mark.parametrize(
    ("data", "position", "problem"),
    [
        (b'[{"a": 1},]', 10, "expected an element"),
        (b'[,{"a": 1}]', 1, "expected an element or ]"),
        (b'[{"a": 1} {"a": 2}]', 10, "expected , or ]"),
        (b'[{"a": 1}', 9, "the text ends inside the array"),
        (b'[{"a": 1},', 10, "the text ends inside the array"),
        (b'[{"a": 1}] {"a": 2}', 11, "expected the end"),
        (b'[{"a": tru}]', 7, "Expecting value"),
        (b'[{"a": "x', 7, "Unterminated string"),
        (b'[{"a": "x\ny"}]', 9, "Invalid control character"),
        (b"[" * 100_000, 1, "values are nested too deeply"),
    ],
)
def test_a_malformed_array_names_the_byte(data, position, problem):
    with pytest.raises(MalformedObject, match=rf"at byte {position} .*: {problem}"):
        read_all(data, ["a"], Json())


def test_endless_elements_and_lines_are_chunks_of_their_own(monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 100)
    monkeypatch.setattr("filegate.formats.reader.WHOLE_READ_BYTES", 200)
    element = b'{"a": ["]\\"' + b"x" * 5000 + b'", {"b": 1}]}'
    array = read_all(b'[{"a": 1},\n ' + element + b' , {"a": 2}]', ["a"], Json(), chunk_bytes=300)
    lines = read_all(b'{"a": 1}\n' + element + b'\n{"a": 2}', ["a"], Json(), chunk_bytes=300)
    for result in (array, lines):
        assert result.rows == [("1",), ("2",)]
        [bad] = result.malformed
        assert (bad.row, bad.broken.rule, bad.raw) == (2, "record:too_long", element[:101])
        assert bad.broken.value == f"{len(element)} bytes"
    assert array.offsets[1] == 12


def test_endless_elements_may_follow_each_other(monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 100)
    element = b'"' + b"x" * 150 + b'"'
    result = read_all(b"[" + b" , ".join([element] * 3) + b"]", ["a"], Json(), chunk_bytes=300)
    assert result.rules == [(row, "record:too_long") for row in (1, 2, 3)]
    assert [(chunk.length, chunk.rows) for chunk in result.chunks if chunk.rows] == [(152, 1)] * 3


def test_an_endless_element_that_never_ends_is_malformed(monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 100)
    with pytest.raises(MalformedObject, match="the value that starts at byte 1 does not end"):
        read_all(b'[{"a": "' + b"x" * 5000, ["a"], Json())
    with pytest.raises(MalformedObject, match="a number is longer than 100 bytes"):
        read_all(b"[" + b"1" * 5000 + b"]", ["a"], Json())


PRETTY = b'{\r\n  "a": 1,\r\n  "b": "},{"\r\n}'


@pytest.mark.parametrize("chunk_bytes", [1, 7, 30, 1000])
@pytest.mark.parametrize("between", [b"", b"\n", b" \r\n\n"])
def test_objects_may_have_several_lines_and_follow_each_other(between, chunk_bytes):
    text = between.join([b"\xef\xbb\xbf\n" + PRETTY, b'{"a": "\xc3\xa9"}', PRETTY, b'{"b": [\n1]}', b"7", b"\n\x1a"])
    result = read_all(text, ["a", "b"], Json(), chunk_bytes=chunk_bytes)
    assert result.layout.format == "concatenated_json"
    assert result.rows == [("1", "},{"), ("é", None), ("1", "},{"), (None, None)]
    assert [(row, broken.rule) for row, broken in result.broken] == [(4, "b:type")]
    assert result.rules == [(5, "record:not_an_object")]
    assert [text[offset : offset + 1] for offset in result.offsets] == [b"{", b"{", b"{", b"{", b"7"]
    assert sum(len(chunk.data or b"") for chunk in result.chunks) == len(text) - result.layout.data_start


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (b'{"a": 1}', "ndjson"),
        (b'{"a": 1}\n{"a":\n2}', "ndjson"),
        (b'\r\n  {"a": 1}\r{"a": 2}', "ndjson"),
        (b'{"a": 1} x\n{"a": 2}', "ndjson"),
        (b'{"a": 1\n{"a": 2}\n', "ndjson"),
        (b'{"a": 1,\r\n {"a": 2}\n', "ndjson"),
        (b'{"a":\n{"a": 2}\n{"a": 3}', "ndjson"),
        (b'{"a": "x\n{"a": 2}\n', "ndjson"),
        (b'{"a": "x\n", "b": 1}\n', "ndjson"),
        (b'{"a": 1,\ngarbage\n{"a": 2}\n', "ndjson"),
        (b'{"a": 1,\n\n', "ndjson"),
        (b"{", "ndjson"),
        (b'{"a": 1}{"a": 2}', "concatenated_json"),
        (b'{"a": 1} \t{"a": 2}\n{"a": 3}', "concatenated_json"),
        (b'{"a": 1}{', "concatenated_json"),
        (b"{\n}", "concatenated_json"),
        (b'{"a": [\r1]}', "concatenated_json"),
        (b'{ "a": 1,\n"b": tru}', "concatenated_json"),
        (b'{"data": [\n{"a": 1},\n{"a": 2}\n', "concatenated_json"),
        (b'{"data": [\n' + b'{"a": 1},\n' * 200_000 + b"]}", "concatenated_json"),
    ],
)
def test_the_first_object_decides_whether_records_are_lines(text, form):
    assert sniff(MemoryBlob(text), [Json()], expected("a"), "reject").format == form


@pytest.mark.parametrize(
    ("data", "position", "problem"),
    [
        (b'{\n"a": 1\n', 9, "Expecting"),
        (b'{\n"a": tru\n}', 7, "Expecting value"),
        (b'{"data": [\n{"a": 1},\n{"a": 2}\n', 30, "Expecting"),
        (b'{"a": 1}{"a": 2}, {"a": 3}', 16, "expected a value"),
        (b'{"a": 1}{"a": 2}]', 16, "expected a value"),
        (b'{"a": 1}{"a": 2}x', 16, "Expecting value"),
    ],
)
def test_malformed_concatenated_json_names_the_byte(data, position, problem):
    with pytest.raises(MalformedObject, match=rf"JSON text is malformed at byte {position} .*: {problem}"):
        read_all(data, ["a"], Json())


def test_an_object_over_the_limit_is_one_record(monkeypatch):
    monkeypatch.setattr("filegate.formats.csv.grammar.MAX_RECORD_BYTES", 100)
    text = b'{\n"data": [\n' + b'{"a": 1},\n' * 500 + b"{}]}\n" + PRETTY
    result = read_all(text, ["a", "b"], Json(), chunk_bytes=300)
    assert result.rules == [(1, "record:too_long")]
    assert result.rows == [("1", "},{")]


def test_an_array_in_utf_16():
    assert read_all('[{"a": "é"}]'.encode("utf-16"), ["a"], Json()).rows == [("é",)]


@pytest.mark.parametrize(
    "odd",
    [
        *('{"a": 01, "b": 1}', '{"a": 1., "b": 1}', '{"a": .5, "b": 1}', '{"a": +1, "b": 1}', '{"a": NaN, "b": 1}'),
        *('{"a": tru, "b": 1}', '{"a": "\t", "b": 1}', '{"a": "\\u0041", "b": 1}', '{"a": [1], "b": 1}'),
        *('{"a": "x"y", "b": 1}', '{"a": 1, "b": 1', '{"a": 1, "b": 1}}', '{"a": 1, "b": 1,}', '{"a": 1 "b": 1}'),
        *('{"a":1, "b": 1}', '{"b": 1, "a": 1}', '{"a": 1, "a": 1}', '{"a": 1}', '{"a": 1, "b": 1, "c": 1}'),
    ],
)
def test_a_line_that_is_not_plain_is_read_by_itself(odd, monkeypatch):
    plain = '{"a": "x, }", "b": -1.50}'
    text = "\n".join([plain, plain, odd, plain]).encode()
    at_once = read_all(text, ["a", "b"], Json(encoding="utf-8"))
    monkeypatch.setattr(json_reader, "plain_lines", lambda *_: iter(()))
    one_by_one = read_all(text, ["a", "b"], Json(encoding="utf-8"))
    assert at_once.rows == one_by_one.rows
    assert at_once.rows[:2] == [("x, }", "-1.50")] * 2
    assert at_once.malformed == one_by_one.malformed
    assert at_once.broken == one_by_one.broken


def test_keys_that_look_like_what_is_between_values_are_no_commas():
    line = b'{",": "{", ": x": ":"}'
    assert read_all(line, [",", ": x"], Json()).rows == [("{", ":")]
    line = b'{",":"{",":x":1}'
    assert read_all(line, [",", ":x"], Json()).rows == [("{", "1")]


def test_plain_lines_are_not_read_one_by_one(monkeypatch):
    monkeypatch.setattr(json_reader, "parse_record", lambda *_: pytest.fail("read by itself"))
    lines = b'{"a": 1, "b": null}\n{"a": "NA", "b": true}\r\n{"b": "x,y"}\n{"a": -1e-5, "b": ""}'
    assert read_all(lines, ["a", "b"], Json(null_values=("NA",)), on_unknown_columns="rescue").rows == [
        ("1", None, None),
        (None, "true", None),
        (None, "x,y", None),
        ("-1e-5", "", None),
    ]


@pytest.mark.parametrize(("keys", "length"), [(300, 1), (300, 50), (250, 3_000), (1_000, 5), (1, 500_000)])
def test_records_of_any_width_are_read(keys, length):
    names = [f"{number}{'x' * length}" for number in range(keys)]
    line = json.dumps(dict.fromkeys(names, "é"), ensure_ascii=False).encode()
    assert read_all(line + b"\n" + line, names[-1:], Json(), on_unknown_columns="ignore").rows == [("é",)] * 2
