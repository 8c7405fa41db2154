"""How the controls read statements of policies."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.controls.policies import allows, on_everything, public

ANYBODY: dict[str, Any] = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": "<account>"}}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": ["arn:aws:iam::000000000000:root", "*"]}},
        {"Condition": {"Bool": {"aws:SecureTransport": True}}},
        {"Condition": {"StringEqualsIfExists": {"aws:SourceAccount": "<account>"}}},
        {"Condition": {"StringNotEquals": {"aws:SourceAccount": "<account>"}}},
        {"Condition": {"StringLike": {"aws:SourceAccount": "*"}}},
        {"Condition": {"StringLike": {"aws:SourceAccount": ["<account>", "*"]}}},
    ],
)
def test_a_statement_that_anybody_can_use_is_public(change: dict[str, Any]) -> None:
    assert public({**ANYBODY, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Deny"},
        {"Principal": {"Service": "events.amazonaws.com"}},
        {"Principal": {"AWS": "arn:aws:iam::<account>:root"}},
        {"Condition": OWN_ACCOUNT},
        {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:<region>:<account>:rule/filegate-*"}}},
        {"Condition": {"StringEquals": {"kms:CallerAccount": "<account>", "kms:ViaService": "sns.amazonaws.com"}}},
    ],
)
def test_a_statement_for_somebody_is_not_public(change: dict[str, Any]) -> None:
    assert not public({**ANYBODY, **change})


def test_negated_elements_allow_everything_else() -> None:
    assert public({"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "Action": "s3:*", "Resource": "*"})
    assert allows({"Effect": "Allow", "NotAction": "iam:*"}, "s3:GetObject")


@pytest.mark.parametrize(
    ("action", "allowed"), [("*", True), ("s3:*", True), ("S3:getobject", True), ("s3:Put*", False)]
)
def test_actions_are_case_insensitive_patterns(action: str, allowed: bool) -> None:
    assert allows({"Effect": "Allow", "Action": [action]}, "s3:GetObject") is allowed


@pytest.mark.parametrize(
    ("statement", "everything"),
    [
        ({"Resource": "*"}, True),
        ({"Resource": ["<encryption/Key.Arn>", "arn:aws:kms:<region>:<account>:key/*"]}, True),
        ({"NotResource": "<encryption/Key.Arn>"}, True),
        ({"Resource": "<encryption/Key.Arn>"}, False),
        ({"Resource": "arn:aws:s3:::<storage/RawBucket>/*"}, False),
    ],
)
def test_a_policy_for_all_keys_is_found(statement: dict[str, Any], everything: bool) -> None:
    assert on_everything(statement) is everything
