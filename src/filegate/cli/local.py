"""`filegate local`: a cloud on this machine that stays until Ctrl-C."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.text import Text

from filegate import operations
from filegate.cli.connection import embedded
from filegate.cli.shared import Session, command
from filegate.cli.text import clean
from filegate.dataset.registry import Registry
from filegate.devcloud.running import RunningLocal, announced, refuse_second, renew, revision

if TYPE_CHECKING:
    from filegate.operations.cloud import Cloud

app = typer.Typer(add_completion=False)

POLL_SECONDS = 0.3  # between two checks of the datasets


@command(app)
def local(
    session: Session,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free port.")] = 0,
) -> None:
    """Run the whole pipeline on this machine, without an account or Docker, until Ctrl-C.

    Other commands find it by themselves. An edit of a dataset counts from the next file on.
    """
    refuse_second()
    folder = session.datasets_folder().resolve()
    with (
        embedded(session, folder, port) as (cloud, machinery),
        announced(RunningLocal(endpoint=machinery.endpoint, pid=os.getpid(), datasets=folder)),
    ):
        _announce(session, cloud, machinery.endpoint, machinery.client_environment())
        _watch(session, cloud, folder)


def _watch(session: Session, cloud: Cloud, folder: Path) -> NoReturn:
    """Lets each edit of a dataset take effect, and reports what is wrong with it."""
    known = revision(folder)
    while True:
        time.sleep(POLL_SECONDS)
        if (current := revision(folder)) == known:
            continue
        known = current
        renew(cloud.session, known)
        session.err.print("The datasets changed: files are validated against the new ones from now on.", style="cyan")
        for checked in operations.check.check(Registry(folder)):
            for problem in checked.problems:
                session.err.print(Text(clean(f"✗ {problem}"), "red"), soft_wrap=True)


def _announce(session: Session, cloud: Cloud, endpoint: str, variables: Mapping[str, str]) -> None:
    if session.as_json:
        session.write({"endpoint": endpoint, "outputs": vars(cloud.outputs), "environment": dict(variables)})
        return
    exports = "\n".join(f"  export {name}={value}" for name, value in variables.items())
    session.show(
        Text.assemble(("Filegate runs at ", ""), (endpoint, "bold green"), ". Ctrl-C stops it and deletes its data."),
        "",
        Text("In another terminal:", "dim"),
        "  filegate drop datasets/samples/flights.csv",
        "  filegate runs",
        "",
        Text("For other tools, such as the aws command:", "dim"),
        exports,
        f"  aws s3 cp datasets/samples/flights.csv s3://{cloud.outputs.raw_bucket}/flights/",
    )
