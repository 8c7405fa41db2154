"""R29 and R30: the template for cost, and its tags compared with those of the other templates."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

Resources = dict[str, Any]
Templates = dict[str, Any]

PROJECT = {"Tags": {"Key": "Project", "Values": ["filegate"], "MatchOptions": ["EQUALS"]}}
ENVIRONMENT = {"Tags": {"Key": "Environment", "Values": [{"Ref": "Environment"}], "MatchOptions": ["EQUALS"]}}
TOPIC = {"Ref": "AlertsTopicArn"}


@pytest.fixture(scope="module")
def cost(templates: Templates) -> Resources:
    return {name: resource["Properties"] for name, resource in templates["cost"]["Resources"].items()}


@pytest.fixture(scope="module")
def components(resources: Resources) -> set[str]:
    """Every value of the tag Component in an environment."""
    tags = [tag for item in resources.values() for tag in item["Properties"].get("Tags", [])]
    return {tag["Value"] for tag in tags if tag["Key"] == "Component"}


def test_r29_the_budget_notifies_at_80_and_100_percent(cost: Resources) -> None:
    notifications = {
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"]): each
        for each in cost["Budget"]["NotificationsWithSubscribers"]
    }
    assert set(notifications) == {("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
    for each in notifications.values():
        assert each["Notification"]["ComparisonOperator"] == "GREATER_THAN"
        assert each["Notification"]["ThresholdType"] == "PERCENTAGE"
        assert each["Subscribers"] == [{"SubscriptionType": "SNS", "Address": TOPIC}]


def test_r29_the_budget_covers_this_environment_before_credits(cost: Resources, templates: Templates) -> None:
    budget = cost["Budget"]["Budget"]
    assert (budget["BudgetType"], budget["TimeUnit"], budget["Metrics"]) == ("COST", "MONTHLY", ["UnblendedCost"])
    assert budget["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"}
    not_credits = {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund"]}}}
    assert budget["FilterExpression"] == {"And": [PROJECT, ENVIRONMENT, not_credits]}
    assert templates["main"]["Parameters"]["MonthlyBudget"]["Default"] == 50


@pytest.mark.parametrize(
    ("service", "source"),
    [("budgets.amazonaws.com", "budgets::${AWS::AccountId}:*"),
     ("costalerts.amazonaws.com", "ce::${AWS::AccountId}:anomalysubscription/*")],
)  # fmt: skip
def test_r29_only_budgets_and_anomalies_of_this_account_may_publish_alerts(
    resources: Resources, service: str, source: str
) -> None:
    policy = resources["AlertsTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (statement,) = [each for each in policy if each["Principal"] == {"Service": service}]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sns:Publish")
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:{source}"}},
    }


def test_r30_unusual_spend_notifies_immediately(cost: Resources) -> None:
    assert json.loads(cost["AnomalyMonitor"]["MonitorSpecification"]) == {
        "Tags": {"Key": "Project", "Values": ["filegate"]}
    }
    subscription = cost["AnomalySubscription"]
    assert subscription["MonitorArnList"] == [{"Ref": "AnomalyMonitor"}]
    assert (subscription["Frequency"], subscription["Subscribers"]) == (
        "IMMEDIATE",
        [{"Type": "SNS", "Address": TOPIC}],
    )
    least = {
        each["Dimensions"]["Key"]: each["Dimensions"]["Values"]
        for each in json.loads(subscription["ThresholdExpression"])["And"]
    }
    assert least == {"ANOMALY_TOTAL_IMPACT_ABSOLUTE": ["5"], "ANOMALY_TOTAL_IMPACT_PERCENTAGE": ["40"]}


def test_r30_every_component_has_one_purpose(cost: Resources, components: set[str]) -> None:
    rules = json.loads(cost["CostCategory"]["Rules"]["Fn::Sub"])
    deployment = [
        {"Tags": {"Key": "Project", "Values": ["filegate"], "MatchOptions": ["EQUALS"]}},
        {"Tags": {"Key": "Environment", "Values": ["${Environment}"], "MatchOptions": ["EQUALS"]}},
    ]
    purposes: Counter[str] = Counter()
    for rule in rules:
        *filters, component = rule["Rule"]["And"]
        assert filters == deployment, rule["Value"]
        assert component["Tags"]["Key"] == "Component"
        purposes.update(component["Tags"]["Values"])
    assert set(purposes.values()) == {1}
    assert components == set(purposes)


def test_r30_the_dashboard_shows_each_day_by_service_and_by_tag(cost: Resources) -> None:
    queries = {
        widget["Title"]: config["QueryParameters"]["CostAndUsage"]
        for widget in cost["DailySpend"]["Widgets"]
        for config in widget["Configs"]
    }
    daily = {
        (query["GroupBy"][0]["Type"], query["GroupBy"][0]["Key"]): query["Filter"]
        for query in queries.values()
        if query["Granularity"] == "DAILY"
    }
    deployment = {"And": [PROJECT, ENVIRONMENT]}
    assert daily == {
        ("DIMENSION", "SERVICE"): deployment,
        ("TAG", "Component"): deployment,
        ("TAG", "Environment"): PROJECT,
    }


def test_r30_the_dashboard_fits_its_grid_of_six_columns(cost: Resources) -> None:
    for widget in cost["DailySpend"]["Widgets"]:
        assert widget.get("HorizontalOffset", 0) + widget["Width"] <= 6, widget["Title"]


def test_the_dashboard_s_description_has_valid_characters(cost: Resources) -> None:
    """cfn-lint does not check inside a `!Sub`."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::BCM::Dashboard").schema
    described = cost["DailySpend"]["Description"]["Fn::Sub"].replace("${Environment}", "prod")
    assert re.search(schema["properties"]["Description"]["pattern"], described)


def test_a_member_account_gets_what_aws_allows(templates: Templates) -> None:
    conditional = {
        name for name, each in templates["cost"]["Resources"].items() if each.get("Condition") == "PaysItsOwnBill"
    }
    assert conditional == {"AnomalyMonitor", "AnomalySubscription", "CostCategory"}
    assert templates["cost"]["Conditions"] == {"PaysItsOwnBill": {"Fn::Equals": [{"Ref": "CostControls"}, "yes"]}}
    assert templates["main"]["Resources"]["Cost"]["Condition"] == "ControlsCost"
    assert templates["main"]["Conditions"]["ControlsCost"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "CostControls"}, "no"]}]
    }
    assert templates["main"]["Parameters"]["CostControls"]["Default"] == "yes"
