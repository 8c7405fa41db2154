"""Each function acts with the credentials of its own role."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest

from filegate.devcloud import session
from filegate.devcloud.cloud import EmbeddedCloud
from filegate.devcloud.session import RoleSessions

ROLE = "arn:aws:iam::000000000000:role/some"
REGION = "us-east-1"


def test_the_variables_are_those_of_a_session_of_the_role(cloud: EmbeddedCloud) -> None:
    variables: Any = RoleSessions(cloud.session()).variables(ROLE, "function")
    sts = boto3.client(
        "sts",
        endpoint_url=cloud.endpoint,
        region_name=REGION,
        **{name.lower(): value for name, value in variables.items()},
    )
    assert sts.get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/some/function"


def test_a_session_serves_for_long_and_for_one_function(cloud: EmbeddedCloud) -> None:
    sessions = RoleSessions(cloud.session())
    once = sessions.variables(ROLE, "function")
    assert sessions.variables(ROLE, "function") == once
    assert sessions.variables(ROLE, "other")["AWS_ACCESS_KEY_ID"] != once["AWS_ACCESS_KEY_ID"]
    assert sessions.variables(f"{ROLE}-other", "function")["AWS_ACCESS_KEY_ID"] != once["AWS_ACCESS_KEY_ID"]


def test_a_session_is_renewed_before_it_ends(cloud: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = RoleSessions(cloud.session())
    once = sessions.variables(ROLE, "function")
    monkeypatch.setattr(session, "_RENEWED_BEFORE_END", timedelta(hours=2))  # as if it ended soon
    assert sessions.variables(ROLE, "function")["AWS_ACCESS_KEY_ID"] != once["AWS_ACCESS_KEY_ID"]
