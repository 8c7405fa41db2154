"""`filegate cost`, with a bill and without."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import Any, get_args

import pytest
from rich.console import Console

from filegate.cli.cost import NOT_BY_TAG, ByName, Days
from filegate.operations.spending import By, NoBill, Spending
from tests.unit.cli.conftest import Filegate, documents
from tests.unit.operations.fakes import START, MemoryCloud

TODAY = START.date()
YESTERDAY = date(2026, 1, 30)
BILL = Spending(
    {
        YESTERDAY: {"AWS Lambda": 0.5, "Amazon Simple Storage Service": 0.25, "Tax": 0.05},
        TODAY: {"AWS Lambda": 0.1},
    }
)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr("filegate.runs.clock.now", lambda: START)
    return START


@pytest.fixture
def runs(cloud: MemoryCloud) -> MemoryCloud:
    cloud.has("a", cost_usd=0.0625)
    cloud.has("b", cost_usd=0.5, minute=-24 * 60, dataset="cars")
    return cloud


@pytest.fixture
def local(runs: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filegate.operations.spending.cost_explorer", lambda session: None)


class Aws:
    """Cost Explorer, as operations see it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bill: Spending | NoBill = BILL
        self.inactive: list[str] | None = []
        self.asked: list[Any] = []
        monkeypatch.setattr("filegate.operations.spending.cost_explorer", lambda session: "client")
        monkeypatch.setattr("filegate.operations.spending.billed", self.billed)
        monkeypatch.setattr("filegate.operations.spending.inactive_tags", lambda client: self.inactive)

    def billed(self, client: str, environment: str, days: list[date], by: str) -> Spending:
        self.asked.append((client, environment, days, by))
        if isinstance(self.bill, NoBill):
            raise self.bill
        return self.bill


@pytest.fixture
def aws(runs: MemoryCloud, monkeypatch: pytest.MonkeyPatch) -> Aws:
    return Aws(monkeypatch)


def test_the_bill_and_the_estimates_side_by_side(filegate: Filegate, aws: Aws) -> None:
    result = filegate("cost", "--days", 2)
    assert result.stdout.splitlines() == [
        "day         billed USD              Lambda      S3     Tax  runs (est.)",
        "2026-01-30      0.8000  ██████████  0.5000  0.2500  0.0500       0.5000",
        "2026-01-31      0.1000  █▎          0.1000       0       0       0.0625",
        "total           0.9000              0.6000  0.2500  0.0500       0.5625",
    ]
    assert (result.stderr, result.exit_code) == (f"{NOT_BY_TAG}\n", 0)
    assert aws.asked == [("client", "test", [YESTERDAY, TODAY], "service")]


def test_all_that_the_account_is_billed_lacks_nothing(filegate: Filegate, aws: Aws) -> None:
    assert filegate("cost", "--by", "project").stderr == ""


def test_a_program_gets_a_document_a_day(filegate: Filegate, aws: Aws) -> None:
    assert documents(filegate("cost", "--days", 2, "--by", "Component", "--json"))[1] == {
        "day": "2026-01-31",
        "billed": {"AWS Lambda": 0.1},
        "billed_total": 0.1,
        "currency": "USD",
        "estimated_usd": {"flights": 0.0625},
        "estimated_usd_total": 0.0625,
    }
    assert aws.asked[0][-1] == "component"


@pytest.mark.usefixtures("local")
def test_a_cloud_of_this_machine_has_estimates_alone(filegate: Filegate) -> None:
    result = filegate("cost", "--days", 3)
    assert result.stdout.splitlines() == [
        "day         estimated USD                cars  flights",
        "2026-01-29              0                   0        0",
        "2026-01-30         0.5000  ██████████  0.5000        0",
        "2026-01-31         0.0625  █▎               0   0.0625",
        "total              0.5625              0.5000   0.0625",
    ]
    assert "has no bill" in result.stderr
    assert "--by" not in result.stderr
    assert result.exit_code == 0
    assert "--by groups the bill: estimates are by dataset." in filegate("cost", "--by", "component").stderr
    assert documents(filegate("cost", "--json"))[-1]["billed"] is None
    assert len(documents(filegate("cost", "--json"))) == 14


def test_without_a_bill_the_estimates_are_shown_and_the_reason_told(filegate: Filegate, aws: Aws) -> None:
    aws.bill = NoBill("This user may not see costs.", advice="Ask for ce:GetCostAndUsage.")
    result = filegate("cost", "--days", 1)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["This user may not see costs.", "Ask for ce:GetCostAndUsage."]
    assert result.stdout.splitlines()[0].split() == ["day", "estimated", "USD", "flights"]


@pytest.mark.parametrize(
    ("inactive", "told", "command"),
    [
        (["Project", "Component"], "Not active for cost allocation: Project, Component.", "TagKey=Component,"),
        (None, "only users of the account that pays", "TagKey=Project,Status=Active TagKey=Environment,Status=Active"),
        ([], "They are active.", None),
    ],
)
def test_costs_without_tags_are_explained(
    filegate: Filegate, aws: Aws, inactive: list[str] | None, told: str, command: str | None
) -> None:
    aws.bill, aws.inactive = Spending({TODAY: {"(untagged)": 3.0}}), inactive
    result = filegate("cost", "--by", "component")
    assert "no cost by the tags of test" in result.stderr
    assert told in result.stderr
    assert ("aws ce update-cost-allocation-tags-status" in result.stderr) == (command is not None)
    assert (command or "") in result.stderr
    assert "(untagged)" in result.stdout


def test_where_room_is_short_the_cheapest_are_put_together() -> None:
    names = [f"service-{number}" for number in range(9)]
    bill = Spending({TODAY: {name: 2.0**-index for index, name in enumerate(names)}})
    headings = {}
    for width in (200, 80, 48):
        console = Console(file=io.StringIO(), width=width)
        console.print(Days([TODAY], bill, Spending({})))
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        assert len(lines) == 3
        assert max(map(len, lines)) <= width
        headings[width] = lines[0].split()[3:]
    assert headings[200][:7] == [*names[:6], "3"]
    assert headings[80] == [*names[:1], "8", "others", "runs", "(est.)"]
    assert headings[48] == ["runs", "(est.)"]


def test_names_are_text_and_a_refund_has_no_bar(filegate: Filegate, aws: Aws) -> None:
    aws.bill = Spending({TODAY: {"[bold]\x1b[2J": -1.0}})
    out = filegate("cost", "--days", 1).stdout
    assert r"[bold]\x1b[2J" in out
    assert "\x1b" not in out
    assert "█" not in out
    assert "-1.0000" in out


def test_the_ways_offered_are_those_there_are() -> None:
    assert get_args(ByName) == get_args(By)


def test_wrong_use(filegate: Filegate, aws: Aws) -> None:
    for words in (["--days", "0"], ["--days", "181"], ["--by", "colour"]):
        assert filegate("cost", *words).exit_code == 2
    assert aws.asked == []
