"""`filegate images`: the stages' container images."""

from __future__ import annotations

import typer

from filegate.cli import tables
from filegate.cli.shared import Session, command
from filegate.deploy import images as stage_images
from filegate.deploy.account import account_of, aws_session
from filegate.deploy.checkout import Checkout

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stages' container images.")


@app.callback()
def images() -> None:
    """The stages' container images."""


@command(app)
def push(session: Session) -> None:
    """Build the images of the checked-out commit, and push those that the registry does not have yet."""

    def report(step: str) -> None:
        if not session.as_json:
            session.err.print(step, style="dim")

    pushed = stage_images.push(account_of(aws_session()), Checkout(), report=report)
    if session.as_json:
        session.write(*(image.to_json() for image in pushed))
        return
    table = tables.grid("stage", "", "image")
    for image in pushed:
        table.add_row(image.stage, "pushed" if image.pushed else "exists", image.address)
    session.show(table)
