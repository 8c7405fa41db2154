"""Tables of runs and of rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from filegate.cli import text
from filegate.operations.dlq import Message
from filegate.operations.progress import progress_of
from filegate.operations.result import rules, seconds
from filegate.runs.record import RunRecord
from filegate.runs.run import short
from filegate.runs.states import Status

GAP = 2  # columns of text, between two columns of a table
ENDS = {Status.REJECTED: 3, Status.FAILED: 4}
"""Exit statuses of runs that published nothing."""


def exit_status(runs: Iterable[RunRecord]) -> int:
    """The worst end decides; 0 if every run published something or was a duplicate."""
    return max((ENDS.get(run.status, 0) for run in runs), default=0)


def grid(*columns: str, numbers: Sequence[str] = ()) -> Table:
    """A table without lines; columns in `numbers` are aligned right."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", no_wrap=True)
    return table


def facts() -> Table:
    """A table of names and values, a line or more each."""
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


@dataclass(frozen=True)
class Column:
    """A column of a `FittedTable`.

    Attributes:
        header: above its cells.
        cells: one for each row.
        number: whether its cells are aligned right.
        minimum: the width that it may be cut to, where there is too little room; None: it is never cut.
        optional: whether it is left out where there is too little room, the last such column first.
    """

    header: str
    cells: Sequence[str | Text]
    number: bool = False
    minimum: int | None = None
    optional: bool = False

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.header, *map(str, self.cells))))

    def shortened(self, most: int) -> int:
        """Its width where a column that may be cut is not to be wider than `most`."""
        return self.width if self.minimum is None else min(self.width, max(self.minimum, most))


class FittedTable:
    """A table of one line a row, however narrow the terminal is: columns are left out, then cut to the same width."""

    def __init__(self, *columns: Column) -> None:
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        columns = list(self._columns)
        while _width(columns, 0) > options.max_width and any(column.optional for column in columns):
            columns.remove(next(column for column in reversed(columns) if column.optional))
        most = max((column.width for column in columns), default=0)
        while _width(columns, most) > options.max_width and most > 0:
            most -= 1
        table = grid()
        for column in columns:
            table.add_column(
                Text(column.header),
                justify="right" if column.number else "left",
                width=column.shortened(most),
                no_wrap=True,
                overflow="ellipsis",
            )
        for row in zip(*(column.cells for column in columns), strict=True):
            table.add_row(*row)
        yield table


def _width(columns: Sequence[Column], most: int) -> int:
    return sum(column.shortened(most) + GAP for column in columns) - GAP


def ends(runs: Sequence[RunRecord], *, places: bool = True) -> FittedTable:
    """What became of files, one line each; `places`: and where it went, if there is room."""
    columns = [
        Column("dataset", [text.line(run.dataset) for run in runs], minimum=7),
        Column("file", [text.line(PurePosixPath(run.key).name) for run in runs], minimum=7),
        Column("status", [text.status(run.status) for run in runs]),
        Column("in", [text.count(run.rows_in) for run in runs], number=True),
        Column("accepted", [text.count(run.rows_accepted) for run in runs], number=True),
        Column("rejected", [text.count(run.rows_rejected) for run in runs], number=True),
        Column("out", [text.count(run.rows_out) for run in runs], number=True),
        Column("time", [text.seconds(seconds(run)) for run in runs], number=True),
    ]
    if places:
        columns.append(Column("where it went", [where(run) for run in runs], optional=True))
    return FittedTable(*columns)


def where(run: RunRecord) -> str:
    """Where the rows of a run went, in a word or two."""
    if run.status == Status.RUNNING:
        return "running"
    if run.superseded_by is not None:
        return f"superseded by {short(run.superseded_by)}"
    places = {
        Status.SUCCEEDED: "processed",
        Status.PARTIAL: "processed + quarantine",
        Status.REJECTED: "quarantine + queue" if run.rows_rejected else "dead-letter queue",
        Status.FAILED: "dead-letter queue",
    }
    return places.get(run.status, "")


def status(run: RunRecord, reported: Status | None = None) -> Text:
    """The run's status, or the one that was `reported`; of a run that is superseded, just that."""
    return text.status(reported or run.status) if run.superseded_by is None else Text("superseded", "dim")


def superseded(run: RunRecord, newer: RunRecord | None) -> str:
    """What became of a run whose place `newer` took: before its own commit, or after. None: nothing is known of it."""
    if newer is not None and run.run_id in newer.supersedes:
        return f"superseded by run {run.superseded_by}: it was published, and its output was taken back"
    return f"superseded by run {run.superseded_by}: nothing of it is published"


def listing(runs: Sequence[RunRecord]) -> FittedTable:
    """Runs of the ledger, one line each."""
    return FittedTable(
        Column("run", [short(run.run_id) for run in runs]),
        Column("dataset", [text.line(run.dataset) for run in runs], minimum=7),
        Column("file", [text.line(run.key.partition("/")[2] or run.key) for run in runs], minimum=7),
        Column("status", [status(run).append(f" {text.percent(progress_of(run))}".rstrip()) for run in runs]),
        Column("in", [text.count(run.rows_in) for run in runs], number=True),
        Column("rejected", [text.count(run.rows_rejected) for run in runs], number=True),
        Column("out", [text.count(run.rows_out) for run in runs], number=True),
        Column("time", [text.seconds(seconds(run)) for run in runs], number=True, optional=True),
        Column("started (UTC)", [text.timestamp(run.started_at) for run in runs], optional=True),
    )


def waiting(messages: Sequence[Message], runs: Mapping[str, RunRecord]) -> FittedTable:
    """Messages of the dead-letter queue, one line each; `runs`, by id, are those that the ledger has of theirs."""
    return FittedTable(
        Column("run", [text.line(short(message.run_id or message.id)) for message in messages]),
        Column("object", [text.line(message.about) for message in messages], minimum=12),
        Column("status", [status_of(message, runs.get(message.run_id or "")) for message in messages]),
        Column("reason", [text.line(message.reason) for message in messages], minimum=24),
        Column("sent (UTC)", [text.timestamp(message.sent_at.isoformat()) for message in messages], optional=True),
    )


def status_of(message: Message, run: RunRecord | None) -> Text:
    """The status that a message reports of its run; `run` is what the ledger has of it."""
    if message.failure is None:
        return Text()
    return text.status(message.failure.status) if run is None else status(run, message.failure.status)


def broken(run: RunRecord) -> Table:
    """Rules by the number of the run's rows that broke them."""
    table = grid("rule", "rows", numbers=("rows",))
    for rule, rows in rules(run).items():
        table.add_row(Text(text.line(rule)), text.count(rows))
    return table


def broken_by(runs: Iterable[RunRecord]) -> Table:
    """Rules by dataset and the number of rows that broke them."""
    totals: Counter[tuple[str, str]] = Counter()
    for run in runs:
        totals.update({(run.dataset, rule): rows for rule, rows in run.rules.items()})
    table = grid("dataset", "rule", "rows", numbers=("rows",))
    for (dataset, rule), rows in totals.most_common():
        table.add_row(Text(text.line(dataset)), Text(text.line(rule)), text.count(rows))
    return table
