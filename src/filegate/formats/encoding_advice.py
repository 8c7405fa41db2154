"""How a text reads in the encodings that are usual for tables, where it is not Unicode and none is declared."""

from __future__ import annotations

import codecs
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from filegate.errors import MalformedObject

# Those of several bytes a character first: where one of these fits, it is rarely by chance.
_CODECS: Final = (
    *("shift_jis", "cp932", "euc_jp", "iso2022_jp", "iso2022_kr", "big5", "gbk", "gb18030", "euc_kr", "cp949"),
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874"),
    *("iso8859-15", "iso8859-1", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "koi8-r", "koi8-u"),
    *("cp437", "cp850", "cp852", "cp866", "mac-roman"),
)
_SAMPLE_BYTES: Final = 64 << 10
_SHOWN_LETTERS: Final = 6
_LAYOUT: Final = frozenset("\t\n\r\f\x1a")
_NOT_IN_TEXTS: Final = frozenset({"Cc", "Cn", "Co", "Cs"})
"""Control characters, unassigned and private ones, surrogates."""
_EBCDIC: Final = frozenset(
    f"{string.ascii_letters}{string.digits} ,;.-:/\"'_|+()".encode("cp037") + b"\x15\x25\x0d\x05"
)
"""The bytes of letters, digits, usual punctuation, tabs and line ends in the code pages of mainframes."""
_NEARLY_ALL: Final = 0.95


def undeclared_encoding(head: bytes, source: str, name: str) -> MalformedObject:
    """The error of a text with these first bytes, which is not Unicode: what to declare, and how it reads then.

    It shows no more than the letters beyond ASCII that are most frequent, each once: messages go where rows must not.

    Args:
        head: the text's first bytes.
        source: the class of its source.
        name: the object's name.
    """
    if b"\0" in head:
        advice = f"Deliver CSV, JSON or Parquet; if it is UTF-16, declare it: {source}(encoding='utf-16-le')."
        return MalformedObject(f"{name}: it has NUL bytes, which text has not.", advice=advice)
    if _is_ebcdic(head):
        advice = f"Convert it to UTF-8, or declare its code page, for example {source}(encoding='cp037')."
        return MalformedObject(f"{name}: the text reads as EBCDIC, the encoding of mainframes.", advice=advice)
    problem = f"{name}: the text is neither UTF-8 nor UTF-16, and its source declares no encoding."
    readings = sorted(_readings(_sample(head)).items(), key=lambda reading: -_likelihood(reading[0]))
    if not readings:
        advice = f"None that is usual for tables fits. Deliver UTF-8, or declare what it is: {source}(encoding=…)."
        return MalformedObject(problem, advice=advice)
    shown = "; ".join(f"{' '.join(letters)} in {', '.join(names)}" for letters, names in readings)
    return MalformedObject(
        f"{problem} Its most frequent letters beyond ASCII are {shown}.",
        advice=f"Declare the one that reads right, for example {source}(encoding={readings[0][1][0]!r}).",
    )


def _is_ebcdic(head: bytes) -> bool:
    """Whether nearly all characters are those of tables, if it is EBCDIC: letters, digits, blanks, punctuation."""
    sample = head[:_SAMPLE_BYTES]
    return sum(byte in _EBCDIC for byte in sample) > _NEARLY_ALL * len(sample)


def _sample(head: bytes) -> bytes:
    """The lines that are not ASCII, as many as are needed; all of a text that is ASCII, and so of ISO 2022."""
    return b"\n".join(line for line in head.split(b"\n") if not line.isascii())[:_SAMPLE_BYTES] or head[:_SAMPLE_BYTES]


def _readings(sample: bytes) -> dict[str, list[str]]:
    """The most frequent letters beyond ASCII, and the codecs that read these; of those that fit the whole sample."""
    readings: defaultdict[str, list[str]] = defaultdict(list)
    for codec in _CODECS:
        try:
            text = codecs.getincrementaldecoder(codec)().decode(sample)
        except UnicodeDecodeError:
            continue
        if all(map(_is_text, set(text))) and (letters := "".join(_frequent_letters(text, codec))):
            readings[letters].append(codec)
    return readings


def _is_text(character: str) -> bool:
    return character in _LAYOUT or unicodedata.category(character) not in _NOT_IN_TEXTS


def _frequent_letters(text: str, codec: str) -> Iterator[str]:
    """In an order that is the same in most codecs, and says nothing of the words that they are from."""
    counts = Counter(character for character in text if not character.isascii() and character.isprintable())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode(codec)))
    return (character for character, _ in ranked[:_SHOWN_LETTERS])


def _likelihood(letters: str) -> float:
    """The share of letters and punctuation: a wrong encoding gives symbols and fractions, too."""
    return sum(unicodedata.category(letter)[0] in "LMP" for letter in letters) / len(letters)
