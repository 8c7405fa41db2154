"""Templates resolved without a cloud, for the controls and the list of resources."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.deployment import PRODUCTION, Deployment, Resource, load_templates

INNER = {
    "Parameters": {"Name": {"Type": "String"}, "Due": {"Type": "CommaDelimitedList"}, "Arn": {"Type": "String"}},
    "Conditions": {"Never": {"Fn::Equals": ["yes", "no"]}},
    "Resources": {
        "Fn::ForEach::Overdue": [
            "Dataset",
            {"Ref": "Due"},
            {"Overdue&{Dataset}": {"Type": "T", "Properties": {"Sub": {"Fn::Sub": "${Name}-${Dataset}"}}}},
        ],
        "Unwanted": {"Type": "T", "Condition": "Never"},
        "Reader": {"Type": "Reader", "Properties": {"Reads": {"Ref": "Arn"}}},
    },
    "Outputs": {"Reader": {"Value": {"Fn::GetAtt": ["Reader", "Arn"]}}},
}
OUTER = {
    "Parameters": {"Name": {"Type": "String", "Default": "x"}, "Shut": {"Type": "String", "Default": "yes"}},
    "Conditions": {"Shut": {"Fn::Equals": [{"Ref": "Shut"}, "yes"]}},
    "Resources": {
        "Inner": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {
                "TemplateURL": "inner.yaml",
                "Parameters": {
                    "Name": {"Ref": "Name"},
                    "Due": "a:1,b:2",
                    "Arn": {"Fn::GetAtt": ["Bucket", "Arn"]},
                },
            },
        },
        "Bucket": {
            "Type": "Bucket",
            "DeletionPolicy": {"Fn::If": ["Shut", "Retain", "Delete"]},
            "Properties": {
                "Open": {"Fn::If": ["Shut", {"Ref": "AWS::NoValue"}, True]},
                "By": {"Fn::GetAtt": ["Inner", "Outputs.Reader"]},
                "Account": {"Ref": "AWS::AccountId"},
            },
        },
    },
}


def resources(**parameters: str) -> dict[str, Resource]:
    deployment = Deployment({"inner": INNER, "outer": OUTER}, {"outer": parameters})
    return {str(resource): resource for resource in deployment.resources}


def test_references_are_resolved_through_nested_stacks() -> None:
    found = resources()
    assert found["inner/Reader"].properties == {"Reads": "<outer/Bucket.Arn>"}
    assert found["outer/Bucket"].properties == {"By": "<inner/Reader.Arn>", "Account": "<account>"}
    deployment = Deployment({"inner": INNER, "outer": OUTER}, {})
    assert str(deployment.referred("<outer/Bucket.Arn>")) == "outer/Bucket"


@pytest.mark.parametrize("value", ["outer/Bucket", "<outer/Other>", "<outer/Bucket.Arn>/*", "<account>", None, 3])
def test_a_value_that_is_not_a_reference_is_not_resolved(value: Any) -> None:
    assert Deployment({"inner": INNER, "outer": OUTER}, {}).referred(value) is None


def test_parameters_and_conditions_decide_what_is_created() -> None:
    assert resources()["outer/Bucket"].deletion_policy == "Retain"
    opened = resources(Shut="no")["outer/Bucket"]
    assert (opened.deletion_policy, opened.properties["Open"]) == ("Delete", True)
    assert "inner/Unwanted" not in resources()


def test_loops_are_unrolled() -> None:
    found = resources(Name="y")
    assert [name for name in found if "Overdue" in name] == ["inner/Overduea1", "inner/Overdueb2"]
    assert found["inner/Overdueb2"].properties == {"Sub": "y-b:2"}


def test_nothing_of_the_templates_is_left_out() -> None:
    """A stack that no condition lets in would hide all that is in it."""
    shown = {resource.template for resource in Deployment(load_templates(), PRODUCTION).resources}
    assert shown | {"main"} == set(load_templates())


def test_what_is_known_before_creation_is_filled_in() -> None:
    """A parameter that nobody gives stays in angle brackets, as a reference to a resource does."""
    for resource in Deployment(load_templates(), PRODUCTION).resources:
        assert "Fn::" not in str(resource.properties), resource
