"""A running `filegate local`: how other commands find it, and how an edit of a dataset takes effect in it.

It is found by a small file in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from filegate.errors import WrongUse

if TYPE_CHECKING:
    import boto3


class RunningLocal(BaseModel):
    """A running `filegate local`: its endpoint, its process, and the folder of its datasets."""

    endpoint: str
    pid: int
    datasets: Path

    @property
    def alive(self) -> bool:
        """Whether the process is there and its port answers."""
        address = urlsplit(self.endpoint)
        try:
            os.kill(self.pid, 0)  # not permitted: somebody else's by now
            socket.create_connection((str(address.hostname), address.port or 80), timeout=2).close()
        except OSError:
            return False
        return True


def state_file() -> Path:
    """`filegate/local.json` in the user's cache folder."""
    default = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default).expanduser() / "filegate" / "local.json"


def running_local() -> RunningLocal | None:
    """The running `filegate local`, if there is one; what a dead one left behind is removed."""
    file = state_file()
    try:
        found = RunningLocal.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        found = None
    if found is None or not found.alive:
        file.unlink(missing_ok=True)
        return None
    return found


@contextlib.contextmanager
def announced(local: RunningLocal) -> Iterator[None]:
    """Lets other commands find this cloud for the time of the block.

    Raises:
        WrongUse: another one runs.
    """
    refuse_second()
    file = state_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = file.with_name(f"{file.name}.{local.pid}")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:  # noqa: PTH123
        stream.write(local.model_dump_json())
    unfinished.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def refuse_second() -> None:
    """Raises `WrongUse` if a `filegate local` runs already."""
    if other := running_local():
        raise WrongUse(
            f"A `filegate local` runs already: {other.endpoint}, process {other.pid}.",
            advice="Use that one, or stop it with Ctrl-C.",
        )


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
    """Make every function of this cloud start a new process, which imports the datasets, with its next call.

    As a deployment does: a function whose configuration changed starts new processes.
    """
    client = session.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function["Environment"]["Variables"] | {"FILEGATE_DATASETS_REVISION": revision}
            client.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": variables}
            )
