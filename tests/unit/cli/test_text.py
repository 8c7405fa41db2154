"""Nothing that comes from the data can play tricks with a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.cli import text


@given(st.text())
def test_values_are_printable_and_short(value: str) -> None:
    for shown in (text.value(value), text.field(value)):
        assert shown.isprintable()
        assert len(shown) <= 62


@given(st.text())
def test_clean_text_keeps_what_is_harmless(value: str) -> None:
    cleaned = text.clean(value)
    assert cleaned.replace("\n", "").isprintable()
    if value.isprintable():
        assert cleaned == value


@given(st.text())
def test_a_line_is_one_line(value: str) -> None:
    assert text.line(value).isprintable()


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), ("", '""'), ("AA-1.5", "AA-1.5"), ("a b", '"a b"'), ("\n", '"\\n"')]
)
def test_fields(value: str | None, shown: str) -> None:
    assert text.field(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (99.4, "99 s"),
        (99.6, "1 min 39 s"),
        (754.2, "12 min 34 s"),
    ],
)
def test_seconds(value: float | None, shown: str) -> None:
    assert text.seconds(value) == shown
