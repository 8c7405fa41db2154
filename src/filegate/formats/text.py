"""An object's text as a stream: decompressed, in UTF-8, in order."""

from __future__ import annotations

from typing import Final

from filegate.errors import ObjectTooLarge
from filegate.formats.compression import MAX_TEXT_BYTES, Decompressed
from filegate.formats.encoding import ByteStream, Reencoded
from filegate.runs.manifests import Compression
from filegate.storage.objects import Blob

_BLOCK_BYTES: Final = 1 << 20


def open_text(blob: Blob, compression: Compression | None, encoding: str, *, guessed: bool = False) -> ByteStream:
    """The object's text in UTF-8, to be read in order and closed; `guessed`: whether its encoding was only detected.

    Raises:
        ObjectTooLarge: it has more than `MAX_TEXT_BYTES`.
    """
    if blob.size > MAX_TEXT_BYTES:
        raise ObjectTooLarge(
            f"{blob.name} has {blob.size:,} bytes; up to {MAX_TEXT_BYTES:,} are read.", advice="Deliver several files."
        )
    raw = blob.stream()
    stream = raw if compression is None else Decompressed(raw, compression, blob.name)
    return stream if encoding == "utf-8" else Reencoded(stream, encoding, guessed=guessed)


class TextWindow:
    """A range of a text that only moves forward.

    Attributes:
        data: its bytes.
        start: where it starts in the text.
        ended: whether it reaches the text's end.
    """

    def __init__(self, text: ByteStream) -> None:
        self._text = text
        self.data = b""
        self.start = 0
        self.ended = False

    def fill(self, size: int) -> bool:
        """Extend it to `size` bytes, or to all that are left; false if it is empty then."""
        blocks = [self.data]
        length = len(self.data)
        while length < size and not self.ended:
            block = self._text.read(size - length)
            self.ended = not block
            blocks.append(block)
            length += len(block)
        if len(blocks) > 1:
            self.data = b"".join(blocks)
        return bool(self.data)

    def drop(self, length: int) -> None:
        """Move the start forward."""
        self.data = self.data[length:]
        self.start += length

    def next_block(self) -> bool:
        """Replace its bytes by the next ones; false at the text's end."""
        self.drop(len(self.data))
        return self.fill(_BLOCK_BYTES)

    def skip_to(self, start: int) -> None:
        while self.start < start and self.fill(1):
            self.drop(min(start - self.start, len(self.data)))

    def close(self) -> None:
        self._text.close()
