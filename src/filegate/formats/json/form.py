"""How the records of a JSON text follow each other: in an array, one per line, or one after the other."""

from __future__ import annotations

import json
import re
from typing import Final

from filegate.errors import EmptyObject
from filegate.formats.csv.grammar import CTRL_Z
from filegate.formats.encoding import UTF8_BOM
from filegate.formats.json.splitter import SCANNER
from filegate.runs.manifests import FileFormat

_LINE_END: Final = re.compile(r"[\r\n]")
_OBJECT: Final = re.compile(r"[ \t]*+\{")


def detect_form(sample: bytes, *, ended: bool, name: str) -> tuple[FileFormat, int]:
    """The form of a text with these first bytes, and the offset from which its first record may start.

    Raises:
        EmptyObject: it has no records.
    """
    mark = len(UTF8_BOM) if sample.startswith(UTF8_BOM) else 0
    content = sample[mark:].lstrip()
    if ended and content in (b"", CTRL_Z):
        raise EmptyObject(f"{name}: the file has only blank lines.", advice="Deliver it with its rows.")
    if not content.startswith(b"["):
        return ("concatenated_json" if _is_concatenated(content.decode("latin-1")) else "ndjson"), mark
    if content[1:].lstrip().startswith(b"]"):
        raise EmptyObject(f"{name}: the JSON array is empty.", advice="Deliver it with its rows.")
    return "json_array", len(sample) - len(content) + 1


def _is_concatenated(text: str) -> bool:
    """Whether the first object ends on a later line, or another one follows it on its own.

    A malformed object is taken for one of several lines if it is well-formed up to something on a later line, unless
    that starts the next object: then the first line is one malformed record.
    """
    try:
        end = SCANNER.raw_decode(text)[1]
    except RecursionError:
        return False
    except json.JSONDecodeError as error:
        before = text[: error.pos]
        next_object = text.startswith("{", error.pos) and before.rstrip(" \t").endswith(("\r", "\n"))
        return _LINE_END.search(before.rstrip()) is not None and not next_object
    return _LINE_END.search(text, 0, end) is not None or _OBJECT.match(text, end) is not None
