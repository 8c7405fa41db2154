"""What is told of the account, and refused to it, before anything is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from filegate.deploy.account import FIRST, Account, account_of
from filegate.deploy.checkout import Checkout
from filegate.deploy.environment import Environment
from filegate.errors import NoCloud, WrongUse

REPOSITORY = Path(__file__).parents[3]
OWN, MANAGEMENT = "111111111111", "999999999999"


class Session(boto3.Session):
    """A session whose organisation is told by the test."""

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


def test_who_pays_is_the_management_account(session: Session, account: Account) -> None:
    session.has_payer(MANAGEMENT)
    assert account.payer() == MANAGEMENT


@pytest.mark.parametrize(
    ("code", "payer"), [("AWSOrganizationsNotInUseException", OWN), ("AccessDeniedException", None)]
)
def test_who_pays_outside_an_organisation_or_where_it_is_not_told(
    session: Session, account: Account, code: str, payer: str | None
) -> None:
    session.refuses(code)
    assert account.payer() == payer


def test_a_member_is_told_what_it_can_have(session: Session, account: Account) -> None:
    session.has_payer(MANAGEMENT)
    with pytest.raises(WrongUse, match=f"its management account, {MANAGEMENT}, alone") as caught:
        Environment("prod", account, Checkout(REPOSITORY)).parameters({})
    assert caught.value.advice == (
        'Write "CostControls": "member" into parameters/prod.json: budget and dashboard remain.'
    )


def test_an_address_that_does_not_answer_is_given_up_soon() -> None:
    aws = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    tried: list[str] = []

    def time_out(request: Any, **_: object) -> None:
        tried.append(request.url)
        raise ConnectTimeoutError(endpoint_url=request.url)

    aws.events.register("before-send.sts", time_out)
    with pytest.raises(NoCloud, match=r"Connect timeout on endpoint URL: .* \(profile .*, region us-east-1\)"):
        account_of(aws)
    assert len(tried) == 2
    config: Any = aws.client("sts", config=FIRST).meta.config
    assert config.connect_timeout == 5
