"""Tables of runs and of rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from filegate.cli import text
from filegate.operations.find import short
from filegate.operations.progress import progress_of
from filegate.operations.result import seconds
from filegate.runs.record import RunRecord
from filegate.runs.states import Status

ENDS = {Status.REJECTED: 3, Status.FAILED: 4}
"""Exit statuses of runs that published nothing."""


def exit_status(runs: Iterable[RunRecord]) -> int:
    """The worst end decides; 0 if every run published something or was a duplicate."""
    return max((ENDS.get(run.status, 0) for run in runs), default=0)


def grid(*columns: str, numbers: Sequence[str] = (), gives_way: str | None = None) -> Table:
    """A table without lines; columns in `numbers` are aligned right, one gives way where width is short (see `cut`)."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in numbers else "left",
            no_wrap=column != gives_way,  # rich narrows the columns first that may wrap
        )
    return table


def cut(content: str) -> Text:
    """A cell of the column that gives way: it ends with an ellipsis rather than wrap."""
    return Text(text.line(content), no_wrap=True, overflow="ellipsis")


Row = Sequence[str | Text]


@dataclass(frozen=True)
class Fitted:
    """A table that leaves out its last column where there are fewer than `needs` columns of text; None: always."""

    needs: int | None
    headers: tuple[str, ...]
    rows: Sequence[Row]
    numbers: tuple[str, ...]
    gives_way: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        count = len(self.headers) - (self.needs is None or options.max_width < self.needs)
        table = grid(*self.headers[:count], numbers=self.numbers, gives_way=self.gives_way)
        for row in self.rows:
            table.add_row(*row[:count])
        yield table


def ends(runs: Iterable[RunRecord], *, places: bool = True) -> Fitted:
    """What became of files, one line each; `places`: and where it went, if there is room."""
    numbers = ("in", "accepted", "rejected", "out", "time")
    rows: list[Row] = [
        [
            Text(text.line(run.dataset)),
            cut(PurePosixPath(run.key).name),
            text.status(run.status),
            *map(text.count, (run.rows_in, run.rows_accepted, run.rows_rejected, run.rows_out)),
            text.seconds(seconds(run)),
            where(run),
        ]
        for run in runs
    ]
    return Fitted(
        96 if places else None, ("dataset", "file", "status", *numbers, "where it went"), rows, numbers, "file"
    )


def where(run: RunRecord) -> str:
    """Where the rows of a run went, in a word or two."""
    if run.status == Status.RUNNING:
        return "under way"
    if run.superseded_by is not None:
        return f"superseded by {short(run.superseded_by)}"
    places = {
        Status.SUCCEEDED: "processed",
        Status.PARTIAL: "processed + quarantine",
        Status.REJECTED: "quarantine + queue" if run.rows_rejected else "dead-letter queue",
        Status.FAILED: "dead-letter queue",
    }
    return places.get(run.status, "")


def status(run: RunRecord, told: Status | None = None) -> Text:
    """The run's status, or the one that was `told` of it; of a run that is superseded, just that."""
    return text.status(told or run.status) if run.superseded_by is None else Text("superseded", "dim")


def superseded(run: RunRecord, newer: RunRecord | None) -> str:
    """What became of a run whose place `newer` took: before its own commit, or after. None: nothing is known of it."""
    if newer is not None and run.run_id in newer.supersedes:
        return f"superseded by run {run.superseded_by}: it was published, and its output was taken back"
    return f"superseded by run {run.superseded_by}: nothing of it is published"


def listing(runs: Iterable[RunRecord]) -> Fitted:
    """Runs of the ledger, one line each."""
    numbers = ("in", "rejected", "out", "time")
    rows: list[Row] = [
        [
            short(run.run_id),
            Text(text.line(run.dataset)),
            cut(run.key.partition("/")[2] or run.key),
            status(run).append(f" {text.percent(progress_of(run))}".rstrip()),
            *map(text.count, (run.rows_in, run.rows_rejected, run.rows_out)),
            text.seconds(seconds(run)),
            text.moment(run.started_at),
        ]
        for run in runs
    ]
    return Fitted(100, ("run", "dataset", "file", "status", *numbers, "started (UTC)"), rows, numbers, "file")


def broken(rules: Mapping[str, int]) -> Table:
    """Rules by the number of rows that broke them."""
    table = grid("rule", "rows", numbers=("rows",))
    for rule, rows in Counter(rules).most_common():
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
