"""The version of the documents that outlive a deployment: manifests, and the ledger's items.

What was written before versions had a number has none, and is of version 1.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from filegate.errors import UnknownFormat

FORMAT = 1


def _known(version: int) -> int:
    if version != FORMAT:
        raise UnknownFormat(
            f"A document has format {version}; this release of Filegate reads {FORMAT}.",
            advice="A newer release wrote it: use that one, or a later one.",
        )
    return version


Format = Annotated[int, AfterValidator(_known)]
"""A document's version. Reading another one raises `UnknownFormat`."""
