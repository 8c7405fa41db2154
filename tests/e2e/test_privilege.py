"""R16: what the roles may do is what they do, no less and no more.

The pipeline is sent down every path that calls something, with every policy enforced, and each call is noted. What the
calls needed and what the templates grant must be the same; then each grant is taken away once, and is missed.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.exceptions import ClientError

from filegate.deploy import load_template
from filegate.devcloud.cloud import REGION, EmbeddedCloud
from filegate.devcloud.patches import Executions
from filegate.runs.run import replay_id_of
from harness.pipeline import Drop, Execution, Pipeline
from harness.proxy import RecordingProxy, policies_enforced

from ..iam import ACCOUNT, Grant, Use, assert_granted, assert_used, grants_of, listed
from ..infrastructure.documented import DOCUMENTED, SEEN
from ..template import filled_in
from .privileges import Encryption, uses_of, uses_of_state_machine
from .readings import MIXED, SMALL_CHUNKS

FIXTURES = Path(__file__).parent / "fixtures"
TEMPLATES = Path(__file__).parents[2] / "infra" / "cloudformation"

FUNCTIONS = ("IngestRole", "ValidateRole", "TransformRole", "OutputRole")

CLEAN = b"id,name,amount,ordered\n" + b"".join(b"%d,name %d,1.5,2026-01-31\n" % (i, i) for i in range(1, 11))
ONE_BAD = CLEAN.replace(b"\n3,", b"\nthree,")
MOST_BAD = CLEAN.replace(b"2026-01-31", b"2026-02-31")
RECORDS = b'[{"id": 1, "name": "one", "amount": 1.5, "ordered": "2026-01-31"}]'


class Account:
    """The deployed pipeline with its roles, and what an operator does to it."""

    def __init__(self, cloud: EmbeddedCloud, proxy: RecordingProxy) -> None:
        self.pipeline = Pipeline(cloud.session(), cloud.deploy(SMALL_CHUNKS))
        self.encryption = Encryption(cloud.session())
        self._proxy = proxy
        self._endpoint = cloud.endpoint
        self._sts: Any = cloud.session().client("sts")
        self._iam: Any = cloud.session().client("iam")
        self._events: Any = cloud.session().client("events")
        self._cloudformation: Any = cloud.session().client("cloudformation")
        self.roles = dict(self._roles("filegate-local"))
        self._files = count(1)
        # Runs are started by hand, since their faults must be planned before. Off for good: an event comes late, on a
        # thread of its own, and may miss a rule that is off for a moment only.
        self._events.disable_rule(Name="filegate-local-object-created")

    def _roles(self, stack: str) -> Iterator[tuple[str, str]]:
        """The name of each role by its logical id."""
        for resource in self._cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
            if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                yield from self._roles(resource["PhysicalResourceId"])
            if resource["ResourceType"] == "AWS::IAM::Role":
                yield resource["LogicalResourceId"], resource["PhysicalResourceId"]

    # What the roles are granted, and what they use

    def policy(self, role: str) -> dict[str, Any]:
        (name,) = self._iam.list_role_policies(RoleName=self.roles[role])["PolicyNames"]
        assert not self._iam.list_attached_role_policies(RoleName=self.roles[role])["AttachedPolicies"]
        told = self._iam.get_role_policy(RoleName=self.roles[role], PolicyName=name)
        return dict(told["PolicyDocument"])

    @contextmanager
    def with_policy(self, role: str, document: dict[str, Any]) -> Iterator[None]:
        (name,) = self._iam.list_role_policies(RoleName=self.roles[role])["PolicyNames"]
        before = self.policy(role)

        def put(document: dict[str, Any]) -> None:
            told = json.dumps(document)
            self._iam.put_role_policy(RoleName=self.roles[role], PolicyName=name, PolicyDocument=told)

        put(document)
        try:
            yield
        finally:
            put(before)

    def grants(self, role: str) -> list[Grant]:
        """All that is granted to a role but for what only AWS can show the use of."""
        documented = {action for entry in DOCUMENTED[role] for action in entry.actions}
        granted = grants_of(role, self.policy(role), each_condition=True)
        return [grant for grant in granted if grant.statement["Action"] not in documented]

    def uses(self, role: str) -> list[Use]:
        """All that a role has used so far."""
        if role == "StateMachineRole":
            machine = self.pipeline.stepfunctions.describe_state_machine(
                stateMachineArn=self.pipeline.outputs["StateMachineArn"]
            )
            assert machine["roleArn"].endswith(f"/{self.roles[role]}")
            ranges = [key for key in self.pipeline.keys("StagingBucket", "runs/") if "/ranges/" in key]
            definition = json.loads(machine["definition"])
            return [*uses_of_state_machine(self.roles[role], definition, self.encryption, ranges)]
        if role == "RuleRole":
            return [*self._uses_of_rules()]
        mine = [exchange for exchange in self._proxy.exchanges if exchange.role == self.roles[role]]
        return [*dict.fromkeys(use for exchange in mine for use in uses_of(exchange, self.encryption))]

    def _uses_of_rules(self) -> Iterator[Use]:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""
        for rule in self._events.list_rules()["Rules"]:
            for target in self._events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                if "RoleArn" in target:
                    role = target["RoleArn"].rpartition("/")[2]
                    yield Use(role, "states:StartExecution", target["Arn"], rule["Name"])

    def as_role(self, role: str) -> Any:
        """A client of S3 that acts as the role."""
        arn = f"arn:aws:iam::{ACCOUNT}:role/{self.roles[role]}"
        session = self._sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return boto3.client(
            "s3",
            endpoint_url=self._endpoint,
            region_name=REGION,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

    # What is done to files and runs

    def drop(self, data: bytes, suffix: str = "csv", *, dataset: str = "orders", **faults: str) -> Drop:
        """A new object in the raw bucket, whose run meets a fault before a state."""
        drop = self.put(f"{dataset}/{next(self._files)}.{suffix}", data)
        return self.pipeline.start(drop, faults={state: [fault] for state, fault in faults.items()})

    def put(self, key: str, data: bytes) -> Drop:
        """A version of an object in the raw bucket; since the rule is off, no event starts a run."""
        return self.pipeline.drop(key, data)

    def end(self, drop: Drop) -> Execution:
        """The only execution of a run, once it is over."""
        return self.pipeline.execution(drop.run_id)

    def again(self, drop: Drop) -> Execution:
        """The execution that an event delivered twice starts."""
        first = self.end(drop)
        self.pipeline.start(drop)
        return next(execution for execution in self.pipeline.executions(drop.run_id, 2) if execution.arn != first.arn)

    def newer(self, drop: Drop, **faults: str) -> Execution:
        """The execution for a newer version of an object, which meets a fault at a state."""
        self.end(drop)
        planned = {state: [fault] for state, fault in faults.items()}
        return self.end(self.pipeline.start(self.put(drop.key, CLEAN), sequencer="02", faults=planned))

    def compressed(self, _: Drop) -> Execution:
        """The execution for an object that is cut anew."""
        return self.end(self.drop(gzip.compress(CLEAN), "csv.gz"))

    def late(self) -> Execution:
        """The execution for a version that is older than what is published."""
        key = f"orders/{next(self._files)}.csv"
        older, newer = self.put(key, CLEAN), self.put(key, ONE_BAD)
        self.end(self.pipeline.start(newer, sequencer="02"))
        return self.end(self.pipeline.start(older, sequencer="01"))

    def replay_rows(self, drop: Drop, *, lost: str | None = None) -> Execution:
        """The execution that replays a run's rejected rows, after the quarantine has lost what ends like this."""
        self.end(drop)
        bucket = self.pipeline.outputs["QuarantineBucket"]
        for key in self.pipeline.keys("QuarantineBucket", f"orders/{drop.run_id}/"):
            if lost and key.endswith(lost):
                self.pipeline.s3.delete_object(Bucket=bucket, Key=key)
        replay = replay_id_of(drop.run_id, "by hand")
        self.pipeline.start(drop, run_id=replay, replay_of=drop.run_id, replay_rows="quarantined")
        return self.pipeline.execution(replay)


@pytest.fixture(scope="module")
def account(proxy: RecordingProxy) -> Iterator[Account]:
    with (
        # What is refused is refused at once: waiting before a retry would make it no better.
        mock.patch.object(Executions, "sleep", lambda *_: None),
        EmbeddedCloud(datasets=FIXTURES / "datasets", images=FIXTURES / "images") as cloud,
        policies_enforced(),
    ):
        yield Account(cloud, proxy)


TAKE_OUT = "take it out of the template, or add to `paths` what needs it. Where a path went astray, fix that first."
PUBLISHED, REJECTED, DUPLICATE = "Published", "Rejected", "Duplicate"


@pytest.fixture(scope="module")
def paths(account: Account) -> dict[str, tuple[Execution, str]]:
    """Executions that between them make every kind of call; each with the state that it must end in."""
    under_way = {
        "clean": (account.drop(CLEAN), PUBLISHED),
        "cut anew, since compressed": (account.drop(gzip.compress(CLEAN), "csv.gz"), PUBLISHED),
        "cut anew, since one array": (account.drop(RECORDS, "json"), PUBLISHED),
        "partial": (account.drop(ONE_BAD), PUBLISHED),
        "too many rejects": (account.drop(MOST_BAD), REJECTED),
        "spread, with repeated rows": (account.drop(MIXED, dataset="readings"), PUBLISHED),
        "restarted": (account.drop(CLEAN, ValidateState="RuntimeError"), PUBLISHED),
        "deleted before it is read": (account.drop(CLEAN, IngestState="delete"), REJECTED),
        "deleted before it is validated": (account.drop(CLEAN, ValidateState="delete"), REJECTED),
        **{
            f"staging lost before {state}": (account.drop(gzip.compress(CLEAN), "csv.gz", **{state: "lose"}), REJECTED)
            for state in ("ValidateState", "TransformState", "OutputToS3")
        },
    }
    found = {name: (account.end(drop), end) for name, (drop, end) in under_way.items()}
    found["delivered twice"] = account.again(under_way["clean"][0]), DUPLICATE
    found["replayed"] = account.replay_rows(under_way["partial"][0]), REJECTED
    found["superseding"] = account.newer(under_way["partial"][0]), PUBLISHED
    found["superseding again"] = account.newer(under_way["restarted"][0], CommitState="after:RuntimeError"), PUBLISHED
    found["superseded"] = account.late(), PUBLISHED
    found["replayed without manifest"] = account.replay_rows(account.drop(ONE_BAD), lost="manifest.json"), REJECTED
    found["replayed without rows"] = account.replay_rows(account.drop(ONE_BAD), lost=".parquet"), REJECTED
    return found


def test_r16_every_path_is_taken_to_its_end_with_what_is_granted(paths: dict[str, tuple[Execution, str]]) -> None:
    strayed = [
        f"{name}: {execution.states[-1]}, not {end}: {execution.cause}"
        for name, (execution, end) in paths.items()
        if execution.states[-1] != end
    ]
    assert not strayed, "\n".join(["Not all that is needed is granted, or a path is not what it was:", *strayed])


@pytest.mark.parametrize("role", sorted(SEEN))
def test_r16_what_is_used_is_granted(account: Account, paths: dict[str, Any], role: str) -> None:
    used = account.uses(role)
    assert used
    assert_granted(account.grants(role), used, "grant it in the template, or do without.")


@pytest.mark.parametrize("role", sorted(SEEN))
def test_r16_what_is_granted_is_used(account: Account, paths: dict[str, Any], role: str) -> None:
    granted = account.grants(role)
    assert granted
    assert_used(granted, account.uses(role), TAKE_OUT)


@pytest.fixture(scope="module")
def through_the_network(account: Account, paths: dict[str, Any]) -> list[Use]:
    """What the functions themselves call: it is the services that call KMS, in their name."""
    used = [use for role in FUNCTIONS for use in account.uses(role)]
    return [use for use in used if not use.action.startswith("kms:")]


@pytest.fixture(scope="module")
def endpoints(account: Account) -> dict[str, dict[str, Any]]:
    """The policy of each endpoint of the functions' network, by service; no local cloud holds calls against them."""
    resources = load_template(TEMPLATES / "network.yaml")["Resources"].values()
    filled = [filled_in(one["Properties"], {"Environment": "local", **account.pipeline.outputs}) for one in resources]
    return {
        properties["ServiceName"].rpartition(".")[2]: properties["PolicyDocument"]
        for properties in filled
        if "ServiceName" in properties
    }


def test_r18_the_network_has_an_endpoint_for_each_service_that_is_called_and_no_other(
    endpoints: dict[str, Any], through_the_network: list[Use]
) -> None:
    assert set(endpoints) == {use.action.partition(":")[0] for use in through_the_network}


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_r18_an_endpoint_lets_through_what_is_called_and_no_more(
    endpoints: dict[str, Any], through_the_network: list[Use], service: str
) -> None:
    granted = [*grants_of(service, endpoints[service])]
    used = [use for use in through_the_network if use.action.startswith(f"{service}:")]
    assert_granted(granted, used, "the functions' network refuses it: grant it in network.yaml, too.")
    assert_used(granted, used, TAKE_OUT)


@pytest.mark.parametrize(
    ("role", "bucket"),
    [
        ("IngestRole", "RawBucket"),
        ("ValidateRole", "StagingBucket"),
        ("ValidateRole", "QuarantineBucket"),
        ("OutputRole", "ProcessedBucket"),
    ],
)
def test_r17_a_bucket_refuses_over_plain_http_what_it_grants_over_tls(
    account: Account, proxy: RecordingProxy, role: str, bucket: str
) -> None:
    s3, name = account.as_role(role), account.pipeline.outputs[bucket]
    s3.list_objects_v2(Bucket=name)
    with (
        mock.patch.object(proxy, "scheme", "http"),
        pytest.raises(ClientError, match="explicit deny in a resource-based policy"),
    ):
        s3.list_objects_v2(Bucket=name)


# The other side: each grant is missed


@dataclass(frozen=True)
class Taken:
    """One action taken out of one statement of a role's policy."""

    role: str
    statement: str
    action: str

    def __str__(self) -> str:
        return f"{self.role}-{self.statement}-{self.action}"


def enforced_grants() -> Iterator[Taken]:
    """What the emulator can refuse: what functions ask S3 and DynamoDB for, but for telling what is missing."""
    for role in FUNCTIONS:
        for policy in load_template(TEMPLATES / "functions.yaml")["Resources"][role]["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in listed(statement.get("Action", [])):
                    if action.startswith(("s3:", "dynamodb:")) and statement["Sid"] != "MissObjects":
                        yield Taken(role, statement["Sid"], action)


# The way that needs the action, where a newer version of a published object does not.
WAYS: dict[tuple[str, str], Callable[[Account, Drop], Execution]] = {
    ("ReadRowsToReplay", "s3:GetObject"): Account.replay_rows,
    ("WriteStaging", "s3:PutObject"): Account.compressed,
    ("ReadWriteStagingAndQuarantine", "s3:GetObject"): Account.compressed,
    ("ClaimRun", "dynamodb:GetItem"): Account.again,
}


@pytest.mark.parametrize("taken", [*enforced_grants()], ids=str)
def test_r16_a_grant_that_is_taken_away_is_missed_and_named(
    account: Account, paths: dict[str, Any], taken: Taken
) -> None:
    policy = account.policy(taken.role)
    for statement in policy["Statement"]:
        if statement["Sid"] == taken.statement:
            statement["Action"] = [action for action in listed(statement["Action"]) if action != taken.action]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    before = account.drop(ONE_BAD)
    account.end(before)
    with account.with_policy(taken.role, policy):
        execution = WAYS.get((taken.statement, taken.action), Account.newer)(account, before)
    assert (execution.status, execution.error, execution.states[-1]) == ("FAILED", "FAILED", "Failed")
    failures = [letter["failure"] for letter in account.pipeline.dead_letters(str(execution.run_id))]
    assert failures[-1] == {"status": "FAILED", "type": "AccessDenied", "message": execution.cause}
    assert execution.cause is not None
    assert "was refused" in execution.cause
    # The answer to a HEAD has no body, and so no reason.
    assert taken.action in execution.cause or "HeadObject was refused (403)" in execution.cause
