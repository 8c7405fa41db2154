"""`filegate cost`: what each day cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from filegate import operations
from filegate.cli import connection
from filegate.cli.shared import Session, command, report
from filegate.cli.tables import grid
from filegate.cli.text import line
from filegate.runs import clock

if TYPE_CHECKING:
    from mypy_boto3_ce import CostExplorerClient

    from filegate.operations.spending import Spending

app = typer.Typer(add_completion=False)

ByName = Literal["service", "project", "environment", "component"]
"""`By` of `filegate.operations.spending`, which brings boto3."""

DAY, BAR, GAP = 12, 10, 2  # columns of text
EIGHTHS, FULL = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉"), "█"
MAX_NAMES = 6
NOT_BY_TAG = (
    "Not in the bill above: what bears no tag, such as custom metrics, traces and the trail's events. See docs/cost.md."
)
SHORT_NAMES = {
    "EC2 Container Registry (ECR)": "ECR",
    "Simple Notification Service": "SNS",
    "Simple Queue Service": "SQS",
    "Simple Storage Service": "S3",
    "Virtual Private Cloud": "VPC",
    "Key Management Service": "KMS",
}
"""Services by their names after `AWS` or `Amazon`."""


@command(app)
def cost(
    session: Session,
    days: Annotated[int, typer.Option(min=1, max=180, help="Number of days to show, today included.")] = 14,
    by: Annotated[
        ByName,
        typer.Option(
            help="Group the bill of what bears Filegate's tags by service, or by the value of this tag. By "
            "environment: of all environments; by project: all that the account is billed.",
            case_sensitive=False,
        ),
    ] = "service",
) -> int:
    """Show what each day cost: as AWS bills it, and as the runs are estimated to have cost.

    AWS asks one cent for the answer, and knows a day's costs a day later.
    """
    cloud = connection.connect(session)
    period = operations.spending.last_days(days, clock.now())
    with session.waiting("Adding up runs …"):
        runs = operations.spending.estimated(cloud.ledger, period)
    client, bill, status = operations.spending.cost_explorer(cloud.session), None, 0
    if client is not None:
        try:
            with session.waiting("Asking Cost Explorer …"):
                bill = operations.spending.billed(client, cloud.environment, period, by)
        except operations.spending.NoBill as error:
            status = report(session, error)
    if session.as_json:
        session.write(*(_document(day, bill, runs) for day in period))
    else:
        session.show(Days(period, bill, runs))
    if client is None:
        session.err.print("This cloud has no bill: these are estimates of its runs, at AWS's list prices.")
        if by != "service":
            session.err.print("--by groups the bill: estimates are by dataset.")
    elif bill is not None and not bill.bears_tags:
        _explain_no_costs(session, client, cloud.environment)
    elif bill is not None and by != "project":
        session.err.print(NOT_BY_TAG, soft_wrap=True)
    return status


def _document(day: date, bill: Spending | None, runs: Spending) -> dict[str, Any]:
    """One day for a program: `billed` is null where no bill can be had; `currency` is that of the bill."""
    return {
        "day": day.isoformat(),
        "billed": None if bill is None else bill.days.get(day, {}),
        "billed_total": None if bill is None else bill.on(day),
        "currency": None if bill is None else bill.currency,
        "estimated_usd": runs.days.get(day, {}),
        "estimated_usd_total": runs.on(day),
    }


@dataclass(frozen=True)
class _Column:
    """Amounts by day under a heading."""

    heading: str
    amounts: Mapping[date, float]

    def cell(self, day: date | None) -> str:
        """The amount of a day, or of all of them."""
        amount = sum(self.amounts.values()) if day is None else self.amounts.get(day, 0)
        return f"{amount:,.4f}" if amount else "0"

    @property
    def width(self) -> int:
        return max(len(self.heading), *(len(self.cell(day)) for day in (None, *self.amounts))) + GAP


@dataclass(frozen=True)
class Days:
    """A line a day: its cost, a bar, and what cost most, as many columns as there is room for."""

    days: Sequence[date]
    bill: Spending | None
    runs: Spending

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        estimates = _Column("estimated USD" if self.bill is None else "runs (est.)", self._each_day(self.runs))
        first, last = estimates, list[_Column]()
        if self.bill is not None:
            first, last = _Column(f"billed {self.bill.currency}", self._each_day(self.bill)), [estimates]
        taken = DAY + first.width + BAR + GAP + sum(column.width for column in last)
        others = [*self._names(self.bill or self.runs, options.max_width - taken), *last]
        table = grid("day", first.heading, "", numbers=[first.heading])
        for column in others:
            table.add_column(column.heading, justify="right", no_wrap=True)
        most = max(first.amounts.values())
        for day in self.days:
            bar = Text(_bar(first.amounts[day], most), "cyan")
            table.add_row(day.isoformat(), first.cell(day), bar, *(column.cell(day) for column in others))
        table.add_row("total", first.cell(None), "", *(column.cell(None) for column in others), style="bold")
        yield table

    def _each_day(self, spending: Spending) -> dict[date, float]:
        return {day: spending.on(day) for day in self.days}

    def _names(self, spending: Spending, room: int) -> list[_Column]:
        """The costliest names; the last column is of all the others."""
        names = list(spending.by_name)
        for count in range(min(len(names), MAX_NAMES), -1, -1):
            columns = [_column(spending, names[index : index + 1]) for index in range(count)]
            if rest := names[count:]:
                columns.append(_column(spending, rest))
            if sum(column.width for column in columns) <= room:
                return columns
        return []


def _column(spending: Spending, names: Sequence[str]) -> _Column:
    """What these cost together."""
    name = re.sub("^(AWS|Amazon) ?", "", names[0])
    heading = line(SHORT_NAMES.get(name, name)) if len(names) == 1 else f"{len(names)} others"
    return _Column(heading, {day: sum(of.get(name, 0) for name in names) for day, of in spending.days.items()})


def _bar(amount: float, most: float) -> str:
    """A bar of at most `BAR` columns, to the eighth of one."""
    eighths = round(max(amount, 0) / most * BAR * 8) if most > 0 else 0
    return FULL * (eighths // 8) + EIGHTHS[eighths % 8]


def _explain_no_costs(session: Session, client: CostExplorerClient, environment: str) -> None:
    """Shows why no cost has the tags, as far as that can be found out."""
    session.err.print(f"AWS reports no cost by the tags of {environment} for these days.", style="yellow")
    spending = operations.spending
    inactive = spending.inactive_tags(client)
    if inactive == []:
        session.err.print("They are active. Costs bear them from then on, and are known a day later.")
        return
    if inactive is None:
        inactive = [*spending.TAGS.values()]
        session.err.print(
            "Whether they are active, only users of the account that pays can see (ce:ListCostAllocationTags).\n"
            "There, this activates them:"
        )
    else:
        session.err.print(f"Not active for cost allocation: {', '.join(inactive)}. This activates them:")
    session.err.print(f"  {spending.activation(inactive)}", soft_wrap=True)
    session.err.print("It works once AWS has seen the tags on a resource, up to a day after the deployment.")
