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


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999.4, "999"),
        (999.6, "1.0 k"),
        (2_149, "2.1 k"),
        (9_960, "10 k"),
        (309_900, "310 k"),
        (999_600, "1.0 M"),
        (2_100_000, "2.1 M"),
        (60_000_000, "60 M"),
        (6_000_000_000, "6.0 G"),
    ],
)
def test_rounded(number: float, shown: str) -> None:
    assert text.rounded(number) == shown


@given(st.floats(0, 10**12))
def test_rounded_numbers_are_near(number: float) -> None:
    digits, _, unit = text.rounded(number).partition(" ")
    assert float(digits) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[unit] == pytest.approx(number, rel=0.06, abs=0.5)
    assert len(digits) <= 4


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.1, "a few s"),
        (5.1, "10 s"),
        (44, "40 s"),
        (94, "90 s"),
        (95, "2 min"),
        (5_900, "98 min"),
        (5_970, "1.7 h"),
        (9_000, "2.5 h"),
    ],
)
def test_roughly(seconds: float, shown: str) -> None:
    assert text.roughly(seconds) == shown
