"""Checks of credentials and account before anything is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber

from filegate.deploy.account import FIRST_CALL, Account, account_of, aws_session
from filegate.deploy.checkout import Checkout
from filegate.deploy.environment import Environment
from filegate.errors import NoCloud, WrongUse

from .stub_session import StubSession

REPOSITORY = Path(__file__).parents[3]
OWN, MANAGEMENT = "111111111111", "999999999999"


class Session(boto3.Session):
    """A session with prepared answers about its organisation."""

    def __init__(self) -> None:
        super().__init__(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
        self.organizations = super().client("organizations")
        self.aws = Stubber(self.organizations)
        self.aws.activate()

    def client(self, *args: Any, **kwargs: Any) -> Any:
        assert args == ("organizations",)
        return self.organizations

    def has_payer(self, payer: str) -> None:
        self.aws.add_response("describe_organization", {"Organization": {"MasterAccountId": payer}}, {})

    def refuses(self, code: str) -> None:
        self.aws.add_client_error("describe_organization", code)


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def account(session: Session) -> Account:
    return Account(session, OWN, "us-east-1", "arn")


def test_the_payer_is_the_management_account(session: Session, account: Account) -> None:
    session.has_payer(MANAGEMENT)
    assert account.payer() == MANAGEMENT


@pytest.mark.parametrize(
    ("code", "payer"), [("AWSOrganizationsNotInUseException", OWN), ("AccessDeniedException", None)]
)
def test_the_payer_outside_an_organisation_or_without_permission(
    session: Session, account: Account, code: str, payer: str | None
) -> None:
    session.refuses(code)
    assert account.payer() == payer


def test_a_member_account_cannot_have_all_cost_controls(session: Session, account: Account) -> None:
    session.has_payer(MANAGEMENT)
    with pytest.raises(WrongUse, match=f"only in its management account, {MANAGEMENT}") as caught:
        Environment("prod", account, Checkout(REPOSITORY)).parameters({})
    assert caught.value.advice == (
        'Write "CostControls": "member" into parameters/prod.json: budget and dashboard remain.'
    )


def test_an_unreachable_endpoint_is_tried_twice() -> None:
    aws = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    attempts: list[str] = []

    def time_out(request: Any, **_: object) -> None:
        attempts.append(request.url)
        raise ConnectTimeoutError(endpoint_url=request.url)

    aws.events.register("before-send.sts", time_out)
    with pytest.raises(NoCloud, match=r"Connect timeout on endpoint URL: .* \(profile .*, region us-east-1\)"):
        account_of(aws)
    assert len(attempts) == 2
    config: Any = aws.client("sts", config=FIRST_CALL).meta.config
    assert config.connect_timeout == 5


def test_being_throttled_while_a_deployment_is_followed_is_no_failure() -> None:
    config: Any = aws_session().client("cloudformation", region_name="us-east-1").meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 9}
    assert (config.connect_timeout, config.read_timeout) == (5, 60)


def test_expired_credentials_are_reported_with_profile_and_region() -> None:
    class Sts:
        def get_caller_identity(self) -> None:
            raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "It is expired."}}, "GetCallerIdentity")

    session: Any = StubSession(Sts())
    with pytest.raises(NoCloud, match=r"It is expired\. \(profile staging, region eu-central-1\)") as caught:
        account_of(session)
    assert "aws sso login" in str(caught.value.advice)


def test_a_missing_region_is_reported() -> None:
    session: Any = StubSession(None, region_name=None)
    with pytest.raises(NoCloud, match=r"No AWS region is set \(profile staging\)\. Set AWS_REGION"):
        account_of(session)
