"""`filegate images`: the stages' container images."""

from __future__ import annotations

import typer

from filegate.cli.shared import Session, command

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stages' container images.")


@app.callback()
def images() -> None:
    """The stages' container images."""


@command(app)
def push(session: Session) -> None:
    """Build the images of the commit that is checked out, and push those that are not in the registry yet."""
    from filegate.cli import tables  # noqa: PLC0415
    from filegate.deploy.account import account_of, aws_session  # noqa: PLC0415
    from filegate.deploy.checkout import Checkout  # noqa: PLC0415
    from filegate.deploy.images import push  # noqa: PLC0415

    def tell(what: str) -> None:
        if not session.as_json:
            session.err.print(what, style="dim")

    pushed = push(account_of(aws_session()), Checkout(), tell=tell)
    if session.as_json:
        session.write(*(image.to_json() for image in pushed))
        return
    table = tables.grid("stage", "", "image")
    for image in pushed:
        table.add_row(image.stage, "pushed" if image.pushed else "there already", image.address)
    session.show(table)
