"""Text encodings: detected from the first bytes or declared, and re-encoded to UTF-8 as a stream."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from typing import Final, Protocol

from filegate.errors import MalformedObject
from filegate.formats.sources import TextSource
from filegate.runs.broken_rule import BrokenRule

UTF8_BOM: Final = codecs.BOM_UTF8

# UTF-32's little-endian mark starts with UTF-16's: it must be tested first.
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# How ISO 2022 announces a Chinese, Japanese or Korean character set: its bytes are ASCII, and would pass for UTF-8.
_ISO_2022: Final = re.compile(rb"\x1b(?:\$[()*+-]?[@A-I]|\([IJ])")
_WORD: Final = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
# By RFC 3629, section 4; surrogates are invalid, and yet a sign of UTF-8 (CESU-8).
_WORD_OF_UTF8: Final = re.compile(
    rb"(?:[0-9A-Za-z]|[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|[\xe1-\xef][\x80-\xbf])[\x80-\xbf]"
    rb"|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2})+"
)
_WIDE: Final = ("utf-16", "utf-32")
"""The families of codecs with units of several bytes."""
_LONE_SURROGATES: Final = 0xDC00
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


def declared_codec(declared: str, detected: str | None, head: bytes) -> str | None:
    """Python's name of a declared codec: a declared "utf-16" leaves the order of the bytes to the text.

    None: its mark is missing, and its bytes do not show the order.
    """
    codec = codec_name(declared)
    if codec not in _WIDE or any(head.startswith(mark) for mark, of in _BOMS if of == codec):
        return codec
    return detected if detected is not None and detected.startswith(codec) else None


def contradicts(declared: str, detected: str, head: bytes) -> bool:
    """Whether a text's bytes show that it is not of the declared codec: units of one byte, or of several."""
    codec = codec_name(declared)
    if detected.startswith(_WIDE):
        return not codec.startswith(detected[:6])
    return codec.startswith(_WIDE) and b"\0" not in head and head.isascii()


def detect_encoding(head: bytes, *, ended: bool) -> str | None:
    """The codec of a text with these first bytes, or all if it has `ended`, where none is declared.

    A byte-order mark has priority. If every second byte is NUL, it is UTF-16; else it is UTF-8, whose invalid records
    are rejected one by one when they are read. None: it is neither. Whether it is one of a hundred other encodings
    cannot be told from its bytes: most of them give each byte a meaning.
    """
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return codec
    return _utf16_without_mark(head) or ("utf-8" if _is_utf8(head, ended=ended) else None)


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 of mostly Western text: it starts with a Western character, and nearly every high byte is NUL."""
    units = len(head) // 2
    even, odd = head[0 : 2 * units : 2], head[1::2]
    if units == 0:
        return None
    for codec, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high[0] == 0 != low[0] and high.count(0) > 0.7 * units and low.count(0) < 0.1 * units:
            return codec
    return None


def _is_utf8(head: bytes, *, ended: bool) -> bool:
    r"""Whether the text is UTF-8, perhaps damaged: at least half of the words that are not ASCII are valid.

    In texts of other encodings hardly any is, by chance. What is incomplete at the end is not evidence either way, but
    for a single byte at the text's own end: `caf\xe9` is hardly UTF-8 that was cut off.
    """
    if head.isascii():
        return _ISO_2022.search(head) is None
    with suppress(UnicodeDecodeError):
        _, used = codecs.utf_8_decode(head, "strict", False)
        if not (ended and len(head) - used == 1):
            return True
    valid = [_WORD_OF_UTF8.fullmatch(word) is not None for word in _WORD.findall(head) if not word.isascii()]
    return 2 * sum(valid) >= len(valid)


def _keep_bytes_visible(error: UnicodeError) -> tuple[str | bytes, int]:
    """Undecodable bytes as lone surrogates: their UTF-8 form is invalid, so the record that holds them is rejected.

    They encode as what they were.
    """
    if isinstance(error, UnicodeDecodeError):
        return "".join(chr(_LONE_SURROGATES + byte) for byte in error.object[error.start : error.end]), error.end
    if isinstance(error, UnicodeEncodeError) and ord(error.object[error.start]) - _LONE_SURROGATES in range(256):
        return bytes([ord(error.object[error.start]) - _LONE_SURROGATES]), error.start + 1
    raise error


codecs.register_error(_VISIBLE, _keep_bytes_visible)


class Reencoded:
    """A stream's text in UTF-8. Bytes undefined in its codec become invalid UTF-8: only their record is rejected.

    Raises on `read`:
        MalformedObject: an escape sequence of ISO 2022 does not end.
    """

    def __init__(self, stream: ByteStream, encoding: str, name: str) -> None:
        self._stream = stream
        self._problem = f"{name}: the text cannot be decoded as {encoding}"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_VISIBLE)
        self._ended = False

    def read(self, size: int) -> bytes:
        """Some bytes, about `size`; none at the end."""
        output = b""
        while not output and not self._ended:
            data = self._stream.read(size)
            self._ended = not data
            try:
                text = self._decoder.decode(data, final=self._ended)
            except UnicodeError as error:
                raise MalformedObject(f"{self._problem} ({error}).") from error
            output = text.encode("utf-8", "surrogatepass")
        return output

    def close(self) -> None:
        self._stream.close()


def decoded_anew(record: bytes, before: str, now: str) -> bytes:
    """The text in UTF-8 of a record that was decoded with one codec, decoded with another one.

    It stays as it is if either has units of several bytes: then it is not sure that the record began with a whole one.
    """
    if before == now or any(codec.startswith(_WIDE) for codec in (before, now)):
        return record
    own = record if before == "utf-8" else record.decode("utf-8", "surrogatepass").encode(before, _VISIBLE)
    return own if now == "utf-8" else own.decode(now, _VISIBLE).encode("utf-8", "surrogatepass")


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


def undecodable(record: bytes, encoding: str, source: TextSource) -> BrokenRule:
    """The rule that a record breaks which is not valid UTF-8, with the file's own byte.

    Args:
        record: its text in UTF-8, as far as it could be decoded.
        encoding: the codec that the file is read with.
        source: as the dataset declares it.
    """
    start = next_invalid_utf8(record, 0, len(record))
    is_own = encoding == "utf-8"
    byte = (
        record[start] if is_own else ord(record[start : start + 3].decode("utf-8", "surrogatepass")) - _LONE_SURROGATES
    )
    if source.encoding is None:
        example = f"{type(source).__name__}(encoding='cp1252')"
        allowed = (
            f"{encoding.upper()}, since no encoding is declared; if it is another one, declare it, as in {example}"
        )
    else:
        allowed = f"text in the declared encoding, {encoding}"
    return BrokenRule("record:encoding", None, f"0x{byte:02x} at {place(record, start, encoding)}", allowed)


def place(record: bytes, position: int, encoding: str) -> str:
    """A position in a record's UTF-8 text, as it is in the file.

    The byte, from 0; in a file of another encoding the character, from 1.
    """
    if encoding == "utf-8":
        return f"byte {position} of the record"
    return f"character {1 + len(record[:position].decode('utf-8', 'surrogatepass'))} of the record"
