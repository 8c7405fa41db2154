"""Let an edit of a dataset take effect in a running local cloud, the way a deployment does: by updating the functions.

A function's process imports a dataset once; a function whose configuration changed starts new processes.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3

REVISION_VARIABLE = "FILEGATE_DATASETS_REVISION"


def revision(folder: Path) -> str:
    """Changes whenever a file of the datasets' folder, modules and reference tables, does."""
    facts = []
    for file in sorted(folder.rglob("*")):
        hidden = any(part == "__pycache__" or part[0] == "." for part in file.relative_to(folder).parts)
        if file.is_file() and not hidden:
            with contextlib.suppress(FileNotFoundError):  # an editor replaces it right now
                known = file.stat()
                facts.append((str(file), known.st_mtime_ns, known.st_size, known.st_ino))
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def renew(session: boto3.Session, revision: str) -> None:
    """Make every function of this cloud start a new process with its next call."""
    client = session.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function["Environment"]["Variables"] | {REVISION_VARIABLE: revision}
            client.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": variables}
            )
