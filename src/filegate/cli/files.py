"""The parameters of commands that take files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FileArguments = Annotated[list[Path], typer.Argument(metavar="FILE…", help="The files.", show_default=False)]
DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", "-d", help="Their dataset, where neither folder nor name says it.", show_default=False),
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep what they became there: Parquet, and the quarantine.", show_default=False),
]
