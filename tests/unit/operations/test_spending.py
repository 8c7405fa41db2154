"""What Cost Explorer is asked, and what is made of its answers; what runs are estimated to have cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, get_args

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from filegate.devcloud.session import session_for
from filegate.operations.spending import (
    By,
    NoBill,
    Spending,
    activation,
    billed,
    cost_explorer,
    estimated,
    inactive_tags,
    last_days,
)
from filegate.runs.cost import cost_usd
from filegate.runs.states import Status
from filegate.storage.ledger import iso
from tests.unit.operations.fakes import START, MemoryCloud

if TYPE_CHECKING:
    from mypy_boto3_ce import CostExplorerClient

DAYS = [date(2026, 1, 30), date(2026, 1, 31)]
PROJECT = {"Tags": {"Key": "Project", "Values": ["filegate"], "MatchOptions": ["EQUALS"]}}
DEV = {"Tags": {"Key": "Environment", "Values": ["dev"], "MatchOptions": ["EQUALS"]}}
ASKED = {
    "TimePeriod": {"Start": "2026-01-30", "End": "2026-02-01"},
    "Granularity": "DAILY",
    "Metrics": ["UnblendedCost"],
    "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
    "Filter": {"And": [PROJECT, DEV]},
}


@pytest.fixture
def client() -> CostExplorerClient:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="eu-central-1")
    return session.client("ce")


@pytest.fixture
def aws(client: CostExplorerClient) -> Iterator[Stubber]:
    """Answers in the place of AWS; requests and answers are held against botocore's model of the service."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def result(day: date, amounts: dict[str, str], unit: str = "USD") -> dict[str, Any]:
    """One day of Cost Explorer's answer."""
    return {
        "TimePeriod": {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()},
        "Total": {},
        "Groups": [
            {"Keys": [key], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": unit}}}
            for key, amount in amounts.items()
        ],
        "Estimated": True,
    }


def test_every_page_is_read_and_a_day_may_be_on_two(client: CostExplorerClient, aws: Stubber) -> None:
    pages = [
        [result(DAYS[0], {"AWS Lambda": "0.25", "Amazon DynamoDB": "0.5"}), result(DAYS[1], {"AWS Lambda": "1"})],
        [result(DAYS[1], {"Amazon DynamoDB": "0.125"})],
    ]
    aws.add_response("get_cost_and_usage", {"ResultsByTime": pages[0], "NextPageToken": "more"}, ASKED)
    aws.add_response("get_cost_and_usage", {"ResultsByTime": pages[1]}, {**ASKED, "NextPageToken": "more"})
    bill = billed(client, "dev", DAYS, "service")
    assert bill.days == {
        DAYS[0]: {"AWS Lambda": 0.25, "Amazon DynamoDB": 0.5},
        DAYS[1]: {"AWS Lambda": 1, "Amazon DynamoDB": 0.125},
    }
    assert (bill.on(DAYS[0]), bill.on(DAYS[1]), bill.on(date(2026, 1, 1))) == (0.75, 1.125, 0)
    assert list(bill.by_name.items()) == [("AWS Lambda", 1.25), ("Amazon DynamoDB", 0.625)]


@pytest.mark.parametrize(
    ("by", "key", "filter_"),
    [
        ("component", "Component", {"And": [PROJECT, DEV]}),
        ("environment", "Environment", PROJECT),
        ("project", "Project", None),
    ],
)
def test_by_tag_it_is_the_values_and_what_has_none(
    client: CostExplorerClient, aws: Stubber, by: By, key: str, filter_: object
) -> None:
    asked = {**ASKED, "GroupBy": [{"Type": "TAG", "Key": key}], "Filter": filter_}
    groups = {f"{key}$": "2", f"{key}$one$two": "1"}
    aws.add_response(
        "get_cost_and_usage",
        {"ResultsByTime": [result(DAYS[0], groups)]},
        {name: value for name, value in asked.items() if value is not None},
    )
    assert billed(client, "dev", DAYS, by).days == {DAYS[0]: {"(untagged)": 2, "one$two": 1}}


def test_the_bill_is_in_its_own_currency(client: CostExplorerClient, aws: Stubber) -> None:
    aws.add_response("get_cost_and_usage", {"ResultsByTime": [result(DAYS[0], {"AWS Lambda": "1"}, "CNY")]}, ASKED)
    assert billed(client, "dev", DAYS, "service").currency == "CNY"


@pytest.mark.parametrize(
    ("error", "reported", "advice"),
    [
        (("DataUnavailableException", "Data is not available."), "no data: Data is not available.", "a day later"),
        (("AccessDeniedException", "User not enabled for cost explorer access"), "has no data", "Open it once"),
        (("AccessDeniedException", "no ce:GetCostAndUsage"), "may not see costs", "Ask for ce:GetCostAndUsage"),
    ],
)
def test_no_bill_is_reported_with_its_reason(
    client: CostExplorerClient, aws: Stubber, error: tuple[str, str], reported: str, advice: str
) -> None:
    aws.add_client_error("get_cost_and_usage", *error)
    with pytest.raises(NoBill) as caught:
        billed(client, "dev", DAYS, "service")
    assert reported in caught.value.problem
    assert advice in str(caught.value.advice)


def test_other_errors_are_aws_s_own(client: CostExplorerClient, aws: Stubber) -> None:
    aws.add_client_error("get_cost_and_usage", "LimitExceededException", "Slower.")
    with pytest.raises(ClientError):
        billed(client, "dev", DAYS, "service")


@pytest.mark.parametrize(
    ("amounts", "bears"),
    [({}, False), ({"(untagged)": 1.0}, False), ({"storage": 0.0}, False), ({"storage": 0.1, "(untagged)": 1.0}, True)],
)
def test_costs_bear_the_tags_or_not(amounts: dict[str, float], bears: bool) -> None:
    assert Spending({DAYS[0]: amounts}).bears_tags == bears


def test_tags_that_are_not_active_or_not_known_to_aws(client: CostExplorerClient, aws: Stubber) -> None:
    known = [
        {"TagKey": "Project", "Type": "UserDefined", "Status": "Active"},
        {"TagKey": "Environment", "Type": "UserDefined", "Status": "Inactive"},
    ]
    asked = {"TagKeys": ["Project", "Environment", "Component"], "Type": "UserDefined"}
    aws.add_response("list_cost_allocation_tags", {"CostAllocationTags": known}, asked)
    assert inactive_tags(client) == ["Environment", "Component"]


def test_a_member_of_an_organisation_cannot_know_its_tags(client: CostExplorerClient, aws: Stubber) -> None:
    message = "Failed to list Cost Allocation Tags: Linked account doesn't have access to cost allocation tags."
    aws.add_client_error("list_cost_allocation_tags", "AccessDeniedException", message)
    assert inactive_tags(client) is None
    aws.add_client_error("list_cost_allocation_tags", "LimitExceededException", "Slower.")
    with pytest.raises(ClientError):
        inactive_tags(client)


def test_the_command_that_activates_tags() -> None:
    assert activation(["Project", "Component"]) == (
        "aws ce update-cost-allocation-tags-status --cost-allocation-tags-status "
        "TagKey=Project,Status=Active TagKey=Component,Status=Active"
    )


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1"])
def test_aws_has_cost_explorer_in_every_region(region: str) -> None:
    assert cost_explorer(boto3.Session(region_name=region)) is not None


def test_a_cloud_of_this_machine_bills_nobody() -> None:
    assert cost_explorer(session_for("http://127.0.0.1:1", "us-east-1")) is None


def test_days_are_those_of_utc() -> None:
    evening = datetime(2026, 1, 30, 22, tzinfo=timezone(timedelta(hours=-5)))
    assert last_days(2, evening) == DAYS
    assert last_days(1, datetime(2026, 1, 31, tzinfo=UTC)) == [DAYS[1]]


def test_estimates_are_added_up_by_day_and_dataset(cloud: MemoryCloud) -> None:
    day = 24 * 60  # minutes
    cloud.has("a", cost_usd=0.25)
    cloud.has("b", Status.FAILED, cost_usd=0.5)
    cloud.has("c", cost_usd=0.125, dataset="cars")
    under_way = cloud.has("under-way", Status.RUNNING, minute=-day)
    cloud.has("yesterday", minute=-day, cost_usd=1)
    cloud.has("too-old", minute=-2 * day, cost_usd=1)
    first = START.replace(hour=0) - timedelta(days=1)
    cloud.has("on-the-dot", cost_usd=4, started_at=iso(first))
    assert START.date() == DAYS[1]
    assert 0 < cost_usd(under_way) < 0.001
    assert estimated(cloud.ledger, DAYS).days == {
        DAYS[0]: {"flights": pytest.approx(5 + cost_usd(under_way), abs=1e-9)},
        DAYS[1]: {"flights": 0.75, "cars": 0.125},
    }


def test_every_way_to_split_a_bill_was_tried() -> None:
    assert set(get_args(By)) == {"service", "component", "environment", "project"}
