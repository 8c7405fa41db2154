"""Text encodings: detected from the first bytes or declared, and re-encoded to UTF-8 as a stream."""

from __future__ import annotations

import codecs
import re
from typing import Final, Protocol

UTF8_BOM: Final = codecs.BOM_UTF8

# UTF-32's little-endian mark starts with UTF-16's: it must be tested first.
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Latin-1's printable characters are Windows-1252's too; where they differ, Latin-1 has control characters, which do not
# occur in tables. So either is read as Windows-1252, as browsers do: https://encoding.spec.whatwg.org
_WESTERN: Final = "cp1252"

# RFC 3629, section 4, without ASCII.
_UTF8_CHARACTER: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]"
    rb"|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2}"
)
_UTF8_START: Final = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")
_VISIBLE: Final = "filegate.visible"
_VALIDATE_BYTES: Final = 1 << 20
_SAME_AS_UTF8: Final = frozenset({"utf-8", "utf-8-sig"})


class ByteStream(Protocol):
    """Bytes in order."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


def codec_name(declared: str) -> str:
    """Python's name of a codec; a byte-order mark makes no other one of UTF-8."""
    codec = codecs.lookup(declared).name
    return "utf-8" if codec in _SAME_AS_UTF8 else codec


def detect_encoding(head: bytes) -> str:
    """The codec of a text with these first bytes, where none is declared.

    A byte-order mark has priority. If every second byte is NUL, it is UTF-16; if the bytes are not UTF-8, and have no
    valid multi-byte character, it is Windows-1252, or its subset Latin-1; else it is UTF-8, whose invalid records are
    rejected one by one when they are read.
    """
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return codec
    return _utf16_without_mark(head) or (_WESTERN if _is_western(head) else "utf-8")


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 of mostly Western text: it starts with a Western character, and nearly every high byte is NUL."""
    even, odd = head[0::2], head[1::2]
    if len(even) != len(odd) or not head:
        return None
    for codec, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high[0] == 0 != low[0] and high.count(0) > 0.7 * len(high) and low.count(0) < 0.1 * len(low):
            return codec
    return None


def _is_western(head: bytes) -> bool:
    if head.isascii():
        return False
    # The last character may be incomplete at the sample's end; it is not evidence either way.
    try:
        codecs.utf_8_decode(head, "strict", False)
    except UnicodeDecodeError:
        return not _holds_utf8(head)
    return False


def _holds_utf8(data: bytes) -> bool:
    """Whether there is a valid multi-byte character among any other bytes."""
    return not data.decode("utf-8", "ignore").isascii()


def _keep_bytes_visible(error: UnicodeError) -> tuple[str, int]:
    """Undecodable bytes as lone surrogates: their UTF-8 form is invalid, so the record that holds them is rejected."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_VISIBLE, _keep_bytes_visible)


class Reencoded:
    """A stream's text in UTF-8. Bytes undefined in its codec become invalid UTF-8: only their record is rejected.

    If Windows-1252 is a guess, bytes that may be UTF-8 as well are treated alike: either the file has mixed encodings,
    or its characters happen to follow each other so, as in `Spaß“`; one reading would be wrong in the other case.
    """

    def __init__(self, stream: ByteStream, encoding: str, *, guessed: bool) -> None:
        self._stream = stream
        self._decoder = (
            _GuessedWestern()
            if guessed and encoding == _WESTERN
            else codecs.getincrementaldecoder(encoding)(errors=_VISIBLE)
        )
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


class _GuessedWestern:
    """Windows-1252, in which a sequence that may be a UTF-8 character is as undecodable as an undefined byte."""

    def __init__(self) -> None:
        self._held = b""

    def decode(self, block: bytes, *, final: bool) -> str:
        data = self._held + block
        start = None if final else _UTF8_START.search(data, max(0, len(data) - 3))
        end = start.start() if start else len(data)
        self._held = data[end:]
        parts, position = [], 0
        for match in _UTF8_CHARACTER.finditer(data, 0, end) if _holds_utf8(data) else ():
            parts.append(data[position : match.start()].decode(_WESTERN, _VISIBLE))
            parts.append(match[0].decode("ascii", _VISIBLE))
            position = match.end()
        return "".join([*parts, data[position:end].decode(_WESTERN, _VISIBLE)])


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
