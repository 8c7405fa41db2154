"""What a template's values come to in a deployed stack, and when a resource is as its template says."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.devcloud import stack
from scripts.intrinsics import Scope, UnresolvedValue
from tests.deployed_stack.comparison import matches

SCOPE = Scope(
    pseudo={"AWS::Region": "here", "AWS::AccountId": "1", "AWS::Partition": "aws"},
    parameters={"Name": "x", "Empty": ""},
    resources={
        "Bucket": ("AWS::S3::Bucket", "a-bucket"),
        "Queue": ("AWS::SQS::Queue", "http://host/1/a-queue"),
        "Inner": ("AWS::CloudFormation::Stack", "arn:inner"),
        "Noted": ("AWS::CloudTrail::Trail", "unknown"),
    },
    outputs={"Inner": {"Value": "from inside"}},
    conditions={"Yes": {"Fn::Equals": [{"Ref": "Name"}, "x"]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}},
    zones=lambda: ["here-1a", "here-1b"],
)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Name"}, "x"),
        ({"Ref": "Bucket"}, "a-bucket"),
        ({"Ref": "AWS::Region"}, "here"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::a-bucket"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:here:1:a-queue"),
        ({"Fn::GetAtt": ["Queue", "QueueName"]}, "a-queue"),
        ({"Fn::GetAtt": ["Inner", "Outputs.Value"]}, "from inside"),
        ({"Fn::GetAtt": ["Noted", "Arn"]}, "unknown"),
        ({"Fn::Sub": "${Name}/${Bucket.Arn}/${AWS::AccountId}/${!Name}"}, "x/arn:aws:s3:::a-bucket/1/${Name}"),
        ({"Fn::Sub": ["${Own}/${Name}/${!Own}", {"Own": {"Ref": "Bucket"}}]}, "a-bucket/x/${Own}"),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["No", 1, {"Ref": "Name"}]}, "x"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}]]}, "a-x"),
        ({"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]}, False),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]}, True),
        ({"Fn::Select": [1, {"Fn::GetAZs": ""}]}, "here-1b"),
        ({"Fn::Select": ["0", {"Fn::Split": [":", {"Fn::Sub": "${Name}:24"}]}]}, "x"),
        ({"kept": 1, "gone": {"Ref": "AWS::NoValue"}}, {"kept": 1}),
        ([1, {"Fn::If": ["No", 2, {"Ref": "AWS::NoValue"}]}], [1]),
        ({"deep": [{"Ref": "Name"}]}, {"deep": ["x"]}),
    ],
)
def test_a_value_is_resolved(value: Any, resolved: Any) -> None:
    assert SCOPE.resolve(value) == resolved


@pytest.mark.parametrize(
    "value", [{"Fn::Select": [0, []]}, {"Ref": "Absent"}, {"Fn::GetAtt": ["Bucket", "DomainName"]}]
)
def test_what_is_not_known_is_said(value: Any) -> None:
    with pytest.raises(UnresolvedValue):
        SCOPE.resolve(value)


VALUES = stack.Values(
    {"Name": "x", "AWS::Region": "here", "Group": "/a/group", "Group.Arn": "arn:group"},
    {"Yes": {"Fn::Equals": [{"Ref": "Name"}, "x"]}, "No": {"Fn::Equals": ["y", {"Ref": "Name"}]}},
)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Group"}, "/a/group"),
        ({"Fn::GetAtt": ["Group", "Arn"]}, "arn:group"),
        ({"Fn::Sub": "${Name} in ${AWS::Region}: ${Group.Arn}"}, "x in here: arn:group"),
        ({"Fn::Sub": ["${Own}${Name}", {"Own": "${kept}"}]}, "${kept}x"),
        ({"Fn::If": ["Yes", {"Ref": "Name"}, 2]}, "x"),
        ({"deep": [{"Fn::If": ["No", 1, 2]}]}, {"deep": [2]}),
    ],
)
def test_the_value_of_a_dropped_property_is_resolved(value: Any, resolved: Any) -> None:
    assert VALUES.resolve(value) == resolved


@pytest.mark.parametrize("value", [{"Ref": "Absent"}, {"Fn::Sub": "${!Name}"}, {"deep": {"Fn::Join": ["", ["a"]]}}])
def test_a_dropped_property_with_what_is_not_known_is_refused(value: Any) -> None:
    with pytest.raises(stack.UnresolvedValue):
        VALUES.resolve(value)


json_values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_value_matches_itself_as_text(value: Any) -> None:
    assert matches(value, value)
    if isinstance(value, bool):
        assert matches(value, str(value).lower())
    elif isinstance(value, int):
        assert matches(value, str(value))


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4), st.text(max_size=3), json_values)
def test_what_a_service_adds_does_not_matter(wanted: dict[str, Any], key: str, added: Any) -> None:
    assert matches(wanted, {key: added, **wanted})


@given(st.dictionaries(st.text(max_size=3), json_values, min_size=1, max_size=4), st.data())
def test_what_is_missing_matters(wanted: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(wanted)))
    assert not matches(wanted, {name: value for name, value in wanted.items() if name != key})


@given(st.lists(st.integers(), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_a_list_does_not_matter_but_its_items_do(wanted: list[int], shuffler: random.Random) -> None:
    actual = wanted.copy()
    shuffler.shuffle(actual)
    assert matches(wanted, actual)
    assert not matches(wanted, [*actual, 0])
    assert not matches([*wanted, 0], actual)


@pytest.mark.parametrize(
    ("wanted", "actual"),
    [(1, 2), ("a", None), (1, [1]), ({"a": 1}, None), ([1], 1), ([1, 1], [1, 2]), (True, "True!"), ({}, None)],
)
def test_other_values_do_not_match(wanted: Any, actual: Any) -> None:
    assert not matches(wanted, actual)


@pytest.mark.parametrize(("wanted", "actual"), [(1, 1.0), (1.0, 1), (86400, "86400")])
def test_a_number_matches_however_it_is_spelt(wanted: Any, actual: Any) -> None:
    assert matches(wanted, actual)
