"""Compressed objects: detected by their magic number, decompressed as a stream, bounded against bombs."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final, Protocol

from filegate.errors import MalformedObject, ObjectTooLarge
from filegate.runs.manifests import Compression

RATIO_FREE_BYTES: Final = 64 << 20
"""Up to this output size no ratio is suspicious: it fits on any disk, and short files of one repeated row exist."""

MAX_RATIO: Final = 200
"""Text tables compress 3 to 20 times, the most repetitive logs about 100 times; a DEFLATE bomb up to 1032 times."""

MAX_TEXT_BYTES: Final = 48 * 10**9
"""What ingest can read in the 15 minutes of a call (docs/scale.md): more would time out, four times."""

_READ_BYTES: Final = 256 << 10
_MAX_RETURNED_BYTES: Final = 1 << 20
"""Larger blocks would be returned to the operating system and mapped again each time."""


class _Decoder(Protocol):
    """The common interface of `zlib.decompressobj` and `ZstdDecompressor.decompressobj`: one member, or frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: memoryview, /) -> bytes: ...


_MAGIC: Final[dict[Compression, re.Pattern[bytes]]] = {
    "gzip": re.compile(rb"\x1f\x8b"),
    # A frame, or one without data. https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
}

# What zstd's own messages say of data that is not corrupt, and what to do.
_UNSUPPORTED: Final = {
    "too much memory": ("needs a window of more than 128 MiB", "Compress it without --long, or with gzip."),
    "Dictionary mismatch": ("was compressed with a dictionary", "Compress it without one, or with gzip."),
}

# A slice is so small that its largest expansion fits in memory: 16 MiB for gzip (1032:1), and 32 MiB for zstd (4 bytes
# make a block of 128 KiB).
_SLICE: Final[dict[Compression, int]] = {"gzip": 16 << 10, "zstd": 1 << 10}


def detect_compression(head: bytes) -> Compression | None:
    """The compression of an object with these first bytes."""
    return next((compression for compression, magic in _MAGIC.items() if magic.match(head)), None)


class Decompressed:
    """The decompressed bytes of a stream; consecutive members or frames are one text.

    Raises on `read`:
        MalformedObject: the data is corrupt, truncated, or followed by something else.
        ObjectTooLarge: it expands beyond `MAX_RATIO` or `MAX_TEXT_BYTES`.
    """

    def __init__(self, stream: BinaryIO, compression: Compression, name: str) -> None:
        self._stream = stream
        self._compression: Compression = compression
        self._name = name
        self._new_decoder, self._error = _codec(compression)
        self._decoder: _Decoder | None = None
        self._input = memoryview(b"")
        self._consumed = 0
        self._produced = 0

    def read(self, size: int) -> bytes:
        """About `size` bytes, at most `_MAX_RETURNED_BYTES` plus one slice's expansion; none at the end only."""
        parts: list[bytes] = []
        size = min(size, _MAX_RETURNED_BYTES)
        while size > 0 and self._fill():
            size -= self._expand(parts, size)
        return b"".join(parts)

    def close(self) -> None:
        self._stream.close()

    def _fill(self) -> bool:
        if not self._input:
            self._input = memoryview(self._stream.read(_READ_BYTES))
        if not self._input and self._decoder is not None:
            raise MalformedObject(
                f"{self._name}: the {self._compression} data is truncated: it ends after {self._consumed} bytes, "
                f"which decompress to {self._produced}.",
                advice="Deliver the whole file again.",
            )
        return bool(self._input)

    def _expand(self, parts: list[bytes], size: int) -> int:
        """Decompress up to the end of the input or its member, or `size` bytes; returns the number of bytes."""
        if self._decoder is None:
            if self._compression == "gzip" and self._consumed and not any(self._input):
                self._consumed += len(self._input)  # zero padding, from tapes and block devices
                self._input = memoryview(b"")
                return 0
            self._decoder = self._new_decoder()
        decoder, step = self._decoder, _SLICE[self._compression]
        taken = produced = 0
        try:
            while produced < size and taken < len(self._input) and not decoder.eof:
                parts.append(decoder.decompress(self._input[taken : taken + step]))
                produced += len(parts[-1])
                taken += step
        except self._error as error:
            for sign, (problem, advice) in _UNSUPPORTED.items():
                if sign in str(error):
                    raise MalformedObject(f"{self._name}: the zstd data {problem}.", advice=advice) from error
            raise MalformedObject(
                f"{self._name}: the {self._compression} data is corrupt near byte {self._consumed + taken}, "
                f"after {self._produced + produced} decompressed bytes ({error}).",
                advice="Deliver the file again.",
            ) from error
        taken = min(taken, len(self._input)) - len(decoder.unused_data)
        self._input = self._input[taken:]
        self._consumed += taken
        self._produced += produced
        if decoder.eof:
            self._decoder = None
        self._check_bounds()
        return produced

    def _check_bounds(self) -> None:
        if self._produced > MAX_TEXT_BYTES:
            bound = f"more than {MAX_TEXT_BYTES} bytes decompressed"
        elif self._produced > RATIO_FREE_BYTES and self._produced > MAX_RATIO * self._consumed:
            bound = f"more than {MAX_RATIO} times its compressed size"
        else:
            return
        raise ObjectTooLarge(
            f"{self._name}: {self._consumed} bytes of {self._compression} expand to over {self._produced}: {bound}.",
            advice="Split the file, or deliver it uncompressed if it is genuine.",
        )


def _codec(compression: Compression) -> tuple[Callable[[], _Decoder], type[Exception]]:
    """A factory of decoders, and the error that they raise on corrupt data."""
    if compression == "gzip":
        return lambda: zlib.decompressobj(wbits=31), zlib.error
    import zstandard  # noqa: PLC0415 - only ingest decompresses: the other stages' images do not have it

    return lambda: zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError
