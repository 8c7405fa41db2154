"""The `filegate` command and its subcommands. What is slow to import is imported by the command that needs it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from filegate.cli import cost, datasets, demo, dlq, drop, images, local, quarantine, runs, show, stack
from filegate.cli.shared import shared_options


class Group(TyperGroup):
    """The command with its subcommands; what they do not take is told without pydantic's preface."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="filegate",
    cls=Group,
    help="Files land in S3; only rows that honour their contract get through, "
    "and every row that does not is kept, explained and replayable.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"filegate {version('filegate')}")
        raise typer.Exit


@shared_options(app)
def filegate(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The options that come before a subcommand count for it, too."""


for module in (demo, local, drop, runs, show, quarantine, cost):
    module.add_to(app)
app.add_typer(dlq.app, name="dlq")
app.add_typer(stack.app, name="stack")
app.add_typer(images.app, name="images")
datasets.add_to(app)
