"""What every command shares: its options, where it writes, and how errors are reported."""

from __future__ import annotations

import inspect
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from filegate.cli.text import clean
from filegate.errors import FilegateError, WrongUse


def _not_empty(name: str | None) -> str | None:
    """Refuses `-e "$UNSET"`, which would otherwise talk to another environment than the one that was meant."""
    if name == "":
        raise typer.BadParameter("it is empty: name a deployment, or leave the option out.")
    return name


_option = partial(typer.Option, show_default=False, rich_help_panel="Everywhere")
_OPTIONS: Mapping[str, Any] = {
    "environment": Annotated[
        str | None,
        _option(
            "--environment",
            "-e",
            metavar="NAME",
            callback=_not_empty,
            help="The deployment to talk to, with your AWS credentials [FILEGATE_ENVIRONMENT]. "
            "Without one: the running `filegate local`.",
        ),
    ],
    "datasets": Annotated[
        Path | None,
        _option(
            "--datasets",
            metavar="DIR",
            help="The folder of the datasets [FILEGATE_DATASETS; default: ./datasets]. "
            "If it is given, a running `filegate local` is used only if its folder is the same.",
        ),
    ],
    "as_json": Annotated[
        bool | None, _option("--json", help="Write JSON, one object a line; all else goes to standard error.")
    ],
}
DEFAULT_FOLDER = Path("datasets")
WRONG_USE = 2
PROBLEM = 1
BATCH_LINES = 1_000
PIPED_WIDTH = 200  # columns; wide enough that nothing is cut


FileArguments = Annotated[list[Path], typer.Argument(metavar="FILE…", help="The files.", show_default=False)]
DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", "-d", help="Their dataset, if it is not clear from folder or name.", show_default=False),
]
OutOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Copy the published Parquet files and the quarantine there.", show_default=False),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its first four or more digits.")]


def _named_folder() -> Path | None:
    folder = os.environ.get("FILEGATE_DATASETS")
    return Path(folder) if folder else None


@dataclass(frozen=True)
class Session:
    """One call of the command line.

    Attributes:
        environment: name of the deployment; None: the running `filegate local`.
        datasets: the folder of the declared datasets as the user named it; None: not named.
        as_json: whether the answer is read by a program.
    """

    environment: str | None = field(default_factory=lambda: os.environ.get("FILEGATE_ENVIRONMENT") or None)
    datasets: Path | None = field(default_factory=_named_folder)
    as_json: bool = False

    @property
    def out(self) -> Console:
        return console(stderr=False)

    @property
    def err(self) -> Console:
        return console(stderr=True)

    @property
    def terminal_width(self) -> int | None:
        """Columns of the terminal that a person reads; None where the answer goes elsewhere, and is not cut."""
        out = self.out
        return out.width if out.is_terminal else None

    def write(self, *documents: Mapping[str, Any]) -> None:
        """Answers a program."""
        for document in documents:
            typer.echo(json.dumps(document, default=str))

    def show(self, *parts: RenderableType, width: int | None = None) -> None:
        """Answers a person; `width` is the most columns to use. The text is plain unless it is a terminal."""
        out = self.out
        if width is not None:
            out.width = min(width, out.width)
        if out.is_terminal:
            out.print(*parts, sep="\n")
            return
        with out.capture() as captured:
            out.print(*parts, sep="\n")
        typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def lines(self, lines: Iterable[Text]) -> None:
        """Answers a person by lines, many at a time; they are plain and never wrapped unless it is a terminal."""
        out, remaining = self.out, iter(lines)
        while batch := list(itertools.islice(remaining, BATCH_LINES)):
            if out.is_terminal:
                wrapped = (line.wrap(out, out.width) if len(line) > out.width else [line] for line in batch)
                out.print(Text("\n").join(itertools.chain.from_iterable(wrapped)), soft_wrap=True)
            else:
                typer.echo("\n".join(one.plain.rstrip() for one in batch))

    def waiting(self, what: str) -> Any:
        """Shows what is being done during the block, on a terminal."""
        return nullcontext() if self.as_json or not self.err.is_terminal else self.err.status(what)

    def datasets_folder(self) -> Path:
        """The folder of the datasets on this machine. Raises WrongUse if it does not exist."""
        folder = self.datasets or DEFAULT_FOLDER
        if not folder.is_dir():
            raise WrongUse(
                f"There is no folder {folder}.",
                advice="Name the one with the datasets by --datasets or FILEGATE_DATASETS.",
            )
        return folder


def console(*, stderr: bool) -> Console:
    """Standard output or error without markup; so wide that nothing is cut where it is not a terminal."""
    plain: Mapping[str, Any] = {"stderr": stderr, "markup": False, "highlight": False, "emoji": False}
    found = Console(**plain)
    return found if found.is_terminal else Console(**plain, width=PIPED_WIDTH)


Command = Callable[..., int | None]


def command(app: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Registers a function as a command: it gets a `session`, and returns the exit status (None: 0)."""

    def register(function: Command) -> Command:
        def run(context: typer.Context, **arguments: Any) -> None:
            session = _merged(context.obj, arguments)
            try:
                status = function(session, **arguments)
            except Exception as error:
                if (problem := _problem(error)) is None:
                    raise
                status = report(session, problem)
            raise typer.Exit(status or 0)

        _dress(run, function)
        app.command(name)(run)
        return function

    return register


def shared_options(app: typer.Typer) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function as what comes before the subcommands, with the shared options."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        def run(context: typer.Context, **arguments: Any) -> None:
            context.obj = _merged(context.obj, arguments)
            function(**arguments)

        _dress(run, function)
        app.callback()(run)
        return function

    return register


def _dress(run: Callable[..., None], function: Callable[..., Any]) -> None:
    """Gives `run` the name, the help and the parameters of `function`, and the shared options."""
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "session"
    ]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *own, *shared]
    run.__name__, run.__doc__ = function.__name__, _unwrapped(inspect.getdoc(function) or "")
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]


def _unwrapped(text: str) -> str:
    """Paragraphs of one line each, for the terminal to wrap."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _merged(outer: Session | None, arguments: dict[str, Any]) -> Session:
    """Takes the shared options out of a command's arguments; what is not given there may be given further left."""
    given = {name: arguments.pop(name) for name in _OPTIONS}
    return replace(outer or Session(), **{name: value for name, value in given.items() if value})


def _problem(error: Exception) -> FilegateError | None:
    """The error as it is reported to a person; None if it is a fault of the program."""
    if isinstance(error, FilegateError):
        return error
    if isinstance(error, OSError) and error.filename is not None:  # about a file that the user named
        return FilegateError(f"{error.filename}: {error.strerror}.")
    from filegate.aws import AwsError, explained  # noqa: PLC0415 - brings boto3

    return explained(error) if isinstance(error, AwsError) else None


def report(session: Session, error: FilegateError) -> int:
    """Writes an error to standard error; returns the exit status it stands for."""
    err = session.err
    err.print(Text(clean(error.problem), style="red"), soft_wrap=True)
    if error.advice:
        err.print(Text(clean(error.advice)), soft_wrap=True)
    return WRONG_USE if isinstance(error, WrongUse) else PROBLEM
