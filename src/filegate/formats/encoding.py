"""Text encodings: told by the first bytes or declared, and re-encoded to UTF-8 as a stream."""

from __future__ import annotations

import codecs
from typing import Final, Protocol

UTF8_BOM: Final = codecs.BOM_UTF8

# UTF-32's little-endian mark starts with UTF-16's: it must be tried first.
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_VALIDATE_BYTES: Final = 1 << 20
_SAME_AS_UTF8: Final = frozenset({"utf-8", "utf-8-sig"})


class ByteStream(Protocol):
    """Bytes in order."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


def detect_encoding(head: bytes, declared: str | None) -> str:
    """The codec of a text.

    A declared one wins. Else a byte-order mark tells it; every second byte NUL is UTF-16; bytes that are not UTF-8,
    without a single valid multi-byte character among them, are Latin-1; anything else is UTF-8, whose invalid records
    are rejected one by one when they are read.

    Args:
        head: the text's first bytes, decompressed.
        declared: the source's codec, or None.
    """
    if declared is not None:
        codec = codecs.lookup(declared).name
        return "utf-8" if codec in _SAME_AS_UTF8 else codec
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return codec
    return _utf16_without_mark(head) or ("latin-1" if _is_latin1(head) else "utf-8")


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 of mostly Western text: it starts with such a character, and nearly every high byte is NUL."""
    even, odd = head[0::2], head[1::2]
    if len(even) != len(odd) or not head:
        return None
    for codec, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high[0] == 0 != low[0] and high.count(0) > 0.7 * len(high) and low.count(0) < 0.1 * len(low):
            return codec
    return None


def _is_latin1(head: bytes) -> bool:
    if head.isascii():
        return False
    # The last character may be cut in two by the sample's end; it is no evidence either way.
    try:
        codecs.utf_8_decode(head, "strict", False)
    except UnicodeDecodeError:
        return head.decode("utf-8", "ignore").isascii()
    return False


def _keep_bytes_visible(error: UnicodeError) -> tuple[str, int]:
    """Undecodable bytes as lone surrogates: their UTF-8 form is invalid, so the record that holds them is rejected."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("filegate.visible", _keep_bytes_visible)


class Reencoded:
    """A stream's text in UTF-8. Bytes that its codec does not know become invalid UTF-8, and cost their record only."""

    def __init__(self, stream: ByteStream, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="filegate.visible")
        self._ended = False

    def read(self, size: int) -> bytes:
        """Some bytes, about `size`; none at the end."""
        output = b""
        while not output and not self._ended:
            data = self._stream.read(size)
            self._ended = not data
            output = self._decoder.decode(data, final=self._ended).encode("utf-8", "surrogatepass")
        return output

    def close(self) -> None:
        self._stream.close()


def next_invalid_utf8(data: bytes, start: int, size: int) -> int:
    """Where the first invalid UTF-8 sequence at or after `start` begins, or `size`."""
    view = memoryview(data)
    position = start
    while position < size:
        window = min(position + _VALIDATE_BYTES, size)
        try:
            _, valid = codecs.utf_8_decode(view[position:window], "strict", window == size)
        except UnicodeDecodeError as error:
            return position + error.start
        position += valid
    return size
