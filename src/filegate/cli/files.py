"""The parameters of commands that take files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FileArguments = Annotated[list[Path], typer.Argument(metavar="FILE…", help="The files.", show_default=False)]
DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", "-d", help="Their dataset, if it is not clear from folder or name.", show_default=False),
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Copy the published Parquet files and the quarantine there.", show_default=False),
]
