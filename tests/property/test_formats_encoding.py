"""Laws of re-encoding: nothing is lost, nothing is guessed at, and how the bytes arrive changes nothing."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from filegate.formats.encoding import Reencoded

BITS = st.sampled_from(
    [b"a", b"\n", "ß".encode(), "€".encode(), "😀".encode(), b"\xdf", b"\x93", b"\xe2", b"\x82", b"\xf0\x9f", b"\x81"]
)
MIXED = st.lists(BITS).map(b"".join)


class Dripping(io.BytesIO):
    """Gives no more than a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, _: int | None = None) -> bytes:
        return super().read(self._size)


def reencoded(data: bytes, size: int, *, guessed: bool) -> bytes:
    stream = Reencoded(Dripping(data, size), "cp1252", guessed=guessed)
    return b"".join(iter(lambda: stream.read(100), b""))


@settings(max_examples=300)
@given(MIXED, st.integers(1, 5))
def test_a_guess_publishes_no_character_that_may_be_another(data, size):
    """What UTF-8 would take for a character comes out invalid, the rest as Windows-1252, byte for byte."""
    expected = ""
    for character in data.decode("utf-8", "surrogateescape"):
        raw = character.encode("utf-8", "surrogateescape")
        is_utf8 = raw.decode("utf-8", "ignore") == character
        expected += raw.decode("ascii" if is_utf8 else "cp1252", "surrogateescape")
    text = reencoded(data, size, guessed=True).decode("utf-8", "surrogatepass")
    assert text == expected
    assert text.encode("cp1252", "surrogateescape") == data


@settings(max_examples=100)
@given(MIXED, st.integers(1, 5))
def test_a_declared_encoding_is_taken_at_its_word(data, size):
    text = reencoded(data, size, guessed=False).decode("utf-8", "surrogatepass")
    assert text == data.decode("cp1252", "surrogateescape")
