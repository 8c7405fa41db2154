"""The `filegate` command. A subcommand's module is imported when that subcommand is called, and not to list it."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from filegate.cli.shared import shared_options

COMMANDS: Mapping[str, str] = {
    "demo": "Run sample files through the whole pipeline on this machine. Nothing is left behind.",
    "try": "Run files through their contracts without any cloud, and show which rows break which rule.",
    "local": "Run the whole pipeline on this machine, without an account or Docker, until Ctrl-C.",
    "drop": "Deliver files, follow their runs, and show what became of every row.",
    "runs": "List the latest runs; of one that takes long, how much of its present state is done.",
    "show": "Show a run: its states, its counts, what broke, what it cost, where things are, and what to do next.",
    "quarantine": "Show the rows that a run rejected: where each is, what was received, what was allowed.",
    "dlq": "The dead-letter queue: runs that did not get through whole.",
    "datasets": "List the declared datasets and their policies.",
    "check": "Check every dataset: its declaration, its reference tables, its transform.",
    "cost": "Show what each day cost: as AWS bills it, and as the runs are estimated to have cost.",
    "stack": "An environment's stack in AWS: show changes, deploy, remove.",
    "images": "The stages' container images.",
}
"""The subcommands in the order of `--help`, each with the first line of its own help."""


def load(name: str) -> Any:
    """The subcommand of that name; its module is called like it and has its `app`."""
    module = import_module(f"filegate.cli.{name}_" if keyword.iskeyword(name) else f"filegate.cli.{name}")
    return typer.main.get_command(module.app)


class LazyGroup(TyperGroup):
    """The command with its subcommands: known by name and one line, and imported when they are called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=line) for name, line in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, None if listed is None else load(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # pydantic's preface
            raise


app = typer.Typer(
    name="filegate",
    cls=LazyGroup,
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
