"""The state machine's file: its names, its routes, and its error names against the classes."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import botocore.session
import pytest
from cfnlint.api import lint_all

from filegate import errors
from filegate.deploy import load_definition
from filegate.deploy.template import Package
from filegate.errors import PermanentError, TransientError
from filegate.runs.states import State

ROOT = Path(__file__).parents[2]
DEFINITION: dict[str, Any] = load_definition(ROOT / "infra/statemachine/pipeline.asl.yaml")
REQUIRED = [
    "IngestState",
    "ValidateState",
    "TransformState",
    "ParallelOutput",
    "SuccessNotification",
    "ErrorHandler",
    "RetryLogic",
    "FailureNotification",
    "DLQRoute",
]


def states_of(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for branch in (*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])):
            yield from states_of(branch)


STATES = dict(states_of(DEFINITION))
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
FUNCTIONS = {name: task for name, task in TASKS.items() if task["Resource"].endswith("lambda:invoke")}


def successors(state: dict[str, Any]) -> list[str]:
    named = [state.get("Next"), state.get("Default")]
    return [
        *[name for name in named if name],
        *[choice["Next"] for choice in state.get("Choices", [])],
        *[catch["Next"] for catch in state.get("Catch", [])],
    ]


def leaves(base: type[Exception]) -> set[str]:
    return {
        cls.__name__
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, base) and cls is not base
    }


def findings(definition: dict[str, Any]) -> list[str]:
    """What cfn-lint's schema of the Amazon States Language says of a definition."""
    substitutions = re.findall(r"\$\{(\w+)\}", json.dumps(definition))
    properties = {
        "RoleArn": "arn:aws:iam::000000000000:role/pipeline",
        "Definition": definition,
        "DefinitionSubstitutions": dict.fromkeys(substitutions, "x"),
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    matches = lint_all(json.dumps({"Resources": {"Machine": machine}}))
    return [match.message for match in matches if match.rule.id == "E3601"]


def errors_of(service: str) -> set[str]:
    """The errors of a service by the names that Step Functions gives them, which are those of the Java SDK."""
    model = botocore.session.get_session().get_service_model(service.lower())
    named = {
        shape.name if shape.name.endswith("Exception") else f"{shape.name}Exception" for shape in model.error_shapes
    }
    named |= {"SdkClientException", f"Amazon{service}Exception", f"AWS{service}Exception"}
    return {f"{service}.{name}" for name in named}


def test_it_has_the_form_of_the_states_language() -> None:
    assert findings(DEFINITION) == []


@pytest.mark.parametrize(
    ("state", "key", "value"),
    [("RetryLogic", "Choices", "none"), ("IngestState", "TimeoutSecond", 30), ("Published", "Type", "Success")],
)
def test_another_form_is_found(state: str, key: str, value: object) -> None:
    broken = copy.deepcopy(DEFINITION)
    broken["States"][state][key] = value
    assert findings(broken) != []


@pytest.mark.parametrize("name", sorted(name for name, state in STATES.items() if {"Retry", "Catch"} & set(state)))
def test_every_error_name_is_one_that_may_arrive(name: str) -> None:
    state = STATES[name]
    service = state["Resource"].split(":")[5] if state["Type"] == "Task" else "lambda"
    prefix = {"dynamodb": "DynamoDB", "lambda": "Lambda", "sns": "SNS", "sqs": "SQS"}[service]
    known = {"States.ALL"} | errors_of(prefix)
    if prefix == "Lambda":
        known |= leaves(TransientError) | leaves(PermanentError)
    handled = [error for rule in state.get("Retry", []) + state.get("Catch", []) for error in rule["ErrorEquals"]]
    assert set(handled) <= known


def test_the_required_states_exist() -> None:
    assert not set(REQUIRED) - set(STATES)
    branches = [set(branch["States"]) for branch in STATES["ParallelOutput"]["Branches"]]
    assert branches == [{"OutputToS3"}, {"UpdateMetadata"}]


@pytest.mark.parametrize(
    "machine",
    [
        DEFINITION,
        *STATES["ParallelOutput"]["Branches"],
        *(state["ItemProcessor"] for state in STATES.values() if "ItemProcessor" in state),
    ],
    ids=lambda one: one["StartAt"],
)
def test_every_state_is_reached_and_can_end(machine: dict[str, Any]) -> None:
    states = machine["States"]
    reached, waiting = set(), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += successors(states[name])
    assert reached == set(states)
    ending = {name for name, state in states.items() if state["Type"] in ("Succeed", "Fail") or state.get("End")}
    while grown := {name for name in set(states) - ending if set(successors(states[name])) & ending}:
        ending |= grown
    assert ending == set(states)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_retries_transient_errors_after_2_4_and_8_seconds(name: str) -> None:
    for retry in TASKS[name]["Retry"]:
        waits = [retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"])]
        assert waits == [2, 4, 8]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_retry_exactly_the_transient_classes(name: str) -> None:
    retry, *others = FUNCTIONS[name]["Retry"]
    # What may be repeated at any point is worth a retry whatever its error is.
    assert bool(others) == (name in ("CommitState", "ValidateRange", "TransformRange"))
    own = {error for error in retry["ErrorEquals"] if not error.startswith("Lambda.")}
    assert own == leaves(TransientError)


@pytest.mark.parametrize("name", ["IngestState", "ValidateState", "TransformState", "ParallelOutput", "CommitState"])
def test_permanent_errors_are_never_retried_and_go_to_the_dlq(name: str) -> None:
    permanent, everything = STATES[name]["Catch"]
    assert set(permanent["ErrorEquals"]) == leaves(PermanentError)
    assert permanent["Next"] == "ReadRejection"
    assert STATES["ReadRejection"]["Next"] == "DescribePermanent"
    assert STATES["DescribePermanent"]["Next"] == "DLQRoute"
    assert everything == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "ErrorHandler"}


def test_the_error_handler_restarts_three_times() -> None:
    assert STATES["ErrorHandler"]["Next"] == "RetryLogic"
    assert STATES["RetryLogic"]["Choices"] == [{"Variable": "$.retries.count", "NumericLessThan": 3, "Next": "Restart"}]
    assert STATES["Restart"]["Next"] == "IngestState"


def test_the_commit_comes_after_both_branches() -> None:
    assert STATES["ParallelOutput"]["Next"] == "HasRejects"
    assert set(successors(STATES["HasRejects"])) == {"DescribePartial", "CommitState"}
    assert STATES["CommitState"]["Next"] == "IsSuperseded"
    assert set(successors(STATES["IsSuperseded"])) == {"SuccessNotification", "SupersededNotification"}


def test_handlers_serve_exactly_the_states_that_call_them() -> None:
    called = {(task["Parameters"]["FunctionName"], name) for name, task in FUNCTIONS.items()}
    served = set()
    for stage in ("ingest", "validate", "transform", "output"):
        text = (ROOT / "images" / stage / "handler.py").read_text()
        states = {State[name] for name in re.findall(r"State\.(\w+):", text)}
        assert {state.stage for state in states} == {stage}
        served |= {(f"${{{stage.title()}Function}}", str(state)) for state in states}
    assert served == called


class Uploads:
    """As much of S3 as an upload needs."""

    meta = SimpleNamespace(endpoint_url="https://s3")

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's names
        self.bodies.append(Body)


def test_the_definition_is_uploaded_as_json() -> None:
    s3 = Uploads()
    Package(cast(Any, s3), "artifacts").upload_template(ROOT / "infra/cloudformation/pipeline.yaml")
    definition, _template = s3.bodies
    assert json.loads(definition) == DEFINITION
