"""Laws of the record index: its records are those of the grammar, and it finds all records of a well-formed text."""

import itertools

from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from filegate.formats.csv.grammar import Grammar
from tests.property.test_formats_csv import BYTES, few

GRAMMARS = st.builds(
    Grammar,
    quote=st.sampled_from([b'"', b'"', None]),
    escape=st.sampled_from([None, b"\\"]),
    fields=st.integers(1, 3),
    limit=st.sampled_from([1 << 20, 4, 12]),
)
QUOTED = st.text(st.sampled_from('ab",\n\r é')).map(lambda text: (text, '"' + text.replace('"', '""') + '"'))
PLAIN = st.text(st.sampled_from("ab é")).map(lambda text: (text, text))
TABLES = st.lists(st.lists(QUOTED | PLAIN, min_size=2, max_size=4), min_size=1)
"""Fields, and how a file has them."""


@few
@given(BYTES, GRAMMARS)
@example(b'5",a,"6\n', Grammar())
@example(b'a,"b\nc,"d"\n', Grammar())
@example(b'"",""""\n"a"b\n"\n"\n', Grammar())
def test_the_index_finds_records_of_the_grammar(data, grammar):
    index = grammar.index(data)
    position = found = 0
    while position < len(data):
        span = index.span(position, len(data))
        found += len(span.starts)
        for start, following in itertools.pairwise([*span.starts, span.end]):
            record = grammar.record(data, start, len(data))
            assert (start, record.next, record.problem) == (position, following, None)
            assert not grammar.is_blank(data, record)
            position = following
        if position < len(data):
            position = grammar.record(data, position, len(data)).next
    event(f"records found: {min(found, 3)}")


@few
@given(TABLES, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data())
def test_all_well_formed_records_are_found(table, end, data):
    records = [",".join(written for _, written in row).encode() + end for row in table]
    text = b"".join(records)
    assume(end != b"\r" or b"\n" not in text)
    index = Grammar().index(text)
    span = index.span(0, len(text))
    boundaries = list(itertools.accumulate(map(len, records), initial=0))
    assert [*span.starts, span.end] == boundaries
    assert index.contents().to_list() == [sum(len(value.encode()) for value, _ in row) + len(row) - 1 for row in table]

    stop = data.draw(st.integers(0, len(text)), label="stop")
    up_to = [boundary for boundary in boundaries if boundary <= stop]
    span = Grammar().index(text).span(0, stop)
    assert [*span.starts, span.end] == up_to
