r"""The CSV grammar as regular expressions on bytes, possessive throughout: no input makes them backtrack.

In the names here `q`, `d`, `e` are the dialect's quote, delimiter and escape character, ready for a pattern. A *flat*
record has no line end in its fields and no escape character; so in consecutive ones each line end ends a record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ESCAPABLE = rb"(\r\n|[\s\S])"


@dataclass(frozen=True)
class Patterns:
    """The patterns of one dialect's records.

    Attributes:
        field: one field of a well-formed record; the group `quoted` is the content between quotes, if there are any.
        record: a record, then its line end; group 1 is its body.
        last: a record that ends with the text.
        flat: consecutive flat records.
        records: consecutive records, flat or not.
        escape_in_text: in an unquoted field, an escape sequence for its group 1; None without an escape character.
        escape_in_quotes: the same in a quoted field; None without quotes.
    """

    field: re.Pattern[bytes]
    record: re.Pattern[bytes]
    last: re.Pattern[bytes]
    flat: re.Pattern[bytes]
    records: re.Pattern[bytes]
    escape_in_text: re.Pattern[bytes] | None
    escape_in_quotes: re.Pattern[bytes] | None


def record_patterns(delimiter: bytes, quote: bytes | None, escape: bytes | None) -> Patterns:
    d, q, e = (re.escape(character or b"") for character in (delimiter, quote, escape))
    escaped = [e + b"(?:" + _ESCAPABLE.replace(b"(", b"(?:") + rb"|\Z)"] if escape else []
    text = _run(b"[^" + d + e + rb"\r\n]*+", escaped)
    flat_text = b"[^" + d + e + rb"\r\n]*+"
    one_field, field, flat_field = text, text, flat_text
    if quote is not None:
        content = _run(b"[^" + q + e + b"]*+", [q + q, *escaped])
        flat_content = _run(b"[^" + q + e + rb"\r\n]*+", [q + q])
        end = q + b"(?=[" + d + rb"\r\n]|\Z)"
        unquoted = b"(?!" + q + b")" + text
        one_field = q + b"(?P<quoted>" + content + b")" + end + b"|" + unquoted
        field = b"(?>" + q + content + end + b"|" + unquoted + b")"
        flat_field = b"(?>" + q + flat_content + end + b"|(?!" + q + b")" + flat_text + b")"
    body = field + b"(?:" + d + field + b")*+"
    flat_body = flat_field + b"(?:" + d + flat_field + b")*+"
    # A CR that ends the searched range might be half of a CRLF: such a record is left to `record`.
    line_end = rb"(?:\r?+\n|\r(?=[^\n]))"
    return Patterns(
        field=re.compile(one_field),
        record=re.compile(b"(" + body + rb")(?:\r\n?+|\n)"),
        # An escaped line end that ends the text joins nothing: a chunk may end where such a record proved malformed.
        last=re.compile(body + rb"(?<![\r\n])\Z"),
        flat=re.compile(b"(?:" + flat_body + line_end + b")*+"),
        records=re.compile(b"(?:" + body + line_end + b")*+"),
        escape_in_text=re.compile(e + _ESCAPABLE) if escape else None,
        escape_in_quotes=re.compile(b"[" + q + e + b"]" + _ESCAPABLE) if quote else None,
    )


def _run(text: bytes, between: list[bytes]) -> bytes:
    """`text`, repeated with any of the patterns in `between` after each repetition."""
    return text + b"(?:(?:" + b"|".join(between) + b")" + text + b")*+" if between else text
