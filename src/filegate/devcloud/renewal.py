"""Let an edit of a dataset take effect in a running local cloud, the way a deployment does: by updating the functions.

A function's process imports a dataset once; a function whose configuration changed starts new processes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3

REVISION_VARIABLE = "FILEGATE_DATASETS_REVISION"


def revision(folder: Path) -> str:
    """Changes whenever a file of the datasets' folder, modules and reference tables, does."""
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not any(part == "__pycache__" or part[0] == "." for part in file.relative_to(folder).parts)
    )
    facts = []
    for file in files:
        try:
            known = file.stat()
        except FileNotFoundError:  # an editor replaces it right now
            continue
        facts.append((str(file), known.st_mtime_ns, known.st_size, known.st_ino))
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def renew(session: boto3.Session, revision: str) -> None:
    """Makes every function of this cloud start afresh with its next call."""
    client = session.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function["Environment"]["Variables"] | {REVISION_VARIABLE: revision}
            client.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": variables}
            )
