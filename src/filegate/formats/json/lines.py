"""JSON texts: one record per line, or an array; and where the first record starts."""

from __future__ import annotations

from filegate.errors import EmptyObject
from filegate.formats.csv.grammar import CTRL_Z, Grammar
from filegate.formats.encoding import UTF8_BOM
from filegate.runs.manifests import FileFormat


def line_grammar() -> Grammar:
    """One record per line; empty lines are not records. A JSON string contains no raw line end."""
    return Grammar(quote=None)


def first_record(sample: bytes, *, ended: bool, name: str) -> tuple[FileFormat, int]:
    """Whether the text is one array or one object per line, and the offset from which the first record may start.

    Args:
        sample: the text's first bytes, in UTF-8.
        ended: whether the sample is the whole text.
        name: of the object, for messages.

    Raises:
        EmptyObject: there is no record.
    """
    mark = len(UTF8_BOM) if sample.startswith(UTF8_BOM) else 0
    content = sample[mark:].lstrip()
    if ended and content in (b"", CTRL_Z):
        raise EmptyObject(f"{name}: the file has only blank lines.", advice="Deliver it with its rows.")
    if not content.startswith(b"["):
        return "ndjson", mark
    if content[1:].lstrip().startswith(b"]"):
        raise EmptyObject(f"{name}: the JSON array is empty.", advice="Deliver it with its rows.")
    return "json_array", len(sample) - len(content) + 1
