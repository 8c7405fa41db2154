"""What the state machine relies on of the Amazon States Language, one feature a test."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from filegate.devcloud.cloud import EmbeddedCloud

Run = Callable[..., dict[str, Any]]
INVOKE = "arn:aws:states:::lambda:invoke"
OK: dict[str, Any] = {"Type": "Succeed"}


@pytest.fixture
def run(cloud: EmbeddedCloud, outputs: dict[str, str], eventually: Callable[..., Any]) -> Run:
    """Runs states, from the first on, to their end; returns the execution's description."""
    client = cloud.session().client("stepfunctions")
    role = client.describe_state_machine(stateMachineArn=outputs["StateMachineArn"])["roleArn"]
    number = itertools.count()

    def run_states(states: dict[str, Any], given: Any = None) -> dict[str, Any]:
        machine = client.create_state_machine(
            name=f"machine-{next(number)}-{id(states)}",
            definition=json.dumps({"StartAt": next(iter(states)), "States": states}),
            roleArn=role,
        )["stateMachineArn"]
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]

        def over() -> Any:
            described = client.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else described

        ended = eventually(over)
        ended["events"] = client.get_execution_history(executionArn=execution)["events"]
        client.delete_state_machine(stateMachineArn=machine)
        return ended

    return run_states


def output(execution: dict[str, Any]) -> Any:
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def invoke(outputs: dict[str, str], event: Any, **fields: Any) -> dict[str, Any]:
    parameters = {"FunctionName": outputs["IngestFunction"], "Payload": event}
    return {"Type": "Task", "Resource": INVOKE, "Parameters": parameters, **fields}


def test_a_retry_names_classes_and_backs_off(run: Run, outputs: dict[str, str]) -> None:
    retry = [
        {"ErrorEquals": ["Throttled"], "IntervalSeconds": 9, "MaxAttempts": 9, "BackoffRate": 2.0},
        {"ErrorEquals": ["NotToday"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1.0},
    ]
    ended = run({"Fail": invoke(outputs, {"do": "fail"}, Retry=retry, End=True)})
    assert (ended["status"], ended["error"]) == ("FAILED", "NotToday")
    attempts = [event["timestamp"] for event in ended["events"] if event["type"] == "TaskFailed"]
    assert len(attempts) == 3
    assert all((later - earlier).total_seconds() >= 1 for earlier, later in itertools.pairwise(attempts))


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"do": "fail"}, "NotToday"),
        ({"do": "exit"}, "Runtime.ExitError"),
        ({"do": "return unserialisable"}, "Runtime.MarshalError"),
    ],
)
def test_a_catch_names_the_class_and_keeps_the_input(
    run: Run, outputs: dict[str, str], event: dict[str, Any], error: str
) -> None:
    states = {
        "Fail": invoke(
            outputs,
            event,
            Catch=[
                {"ErrorEquals": ["SchemaMismatch"], "Next": "Wrong"},
                {"ErrorEquals": [error], "ResultPath": "$.error", "Next": "Right"},
                {"ErrorEquals": ["States.ALL"], "Next": "Wrong"},
            ],
            Next="Wrong",
        ),
        "Right": OK,
        "Wrong": {"Type": "Fail", "Error": "Wrong"},
    }
    caught = output(run(states, {"kept": True}))
    assert caught["kept"] is True
    assert caught["error"]["Error"] == error
    assert json.loads(caught["error"]["Cause"])["errorType"] == error


def test_the_cause_can_be_read_as_json(run: Run, outputs: dict[str, str]) -> None:
    states = {
        "Fail": invoke(outputs, {"do": "fail"}, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Read"}], End=True),
        "Read": {"Type": "Pass", "Parameters": {"cause.$": "States.StringToJson($.Cause)"}, "End": True},
    }
    assert output(run(states))["cause"]["errorMessage"] == "the reason"


def test_a_fail_state_takes_error_and_cause_from_its_input(run: Run) -> None:
    ended = run({"Fail": {"Type": "Fail", "ErrorPath": "$.what", "CausePath": "$.why"}}, {"what": "W", "why": "Y"})
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "W", "Y")


def test_a_loop_counts_and_chooses(run: Run) -> None:
    states = {
        "Count": {
            "Type": "Pass",
            "Parameters": {"retries.$": "States.MathAdd($.retries, 1)"},
            "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.retries", "NumericLessThan": 3, "Next": "Count"}],
            "Default": "Done",
        },
        "Done": OK,
    }
    assert output(run(states, {"retries": 0})) == {"retries": 3}


@pytest.mark.parametrize(
    ("rule", "given", "chosen"),
    [
        ({"Variable": "$.a", "IsPresent": True}, {"a": 1}, True),
        ({"Variable": "$.a", "IsPresent": True}, {}, False),
        ({"Variable": "$.a", "StringEquals": "x"}, {"a": "x"}, True),
        ({"Variable": "$.a", "StringMatches": "arn:*:x"}, {"a": "arn:1:x"}, True),
        ({"Variable": "$.a", "BooleanEquals": True}, {"a": False}, False),
        ({"Not": {"Variable": "$.a", "NumericEquals": 1}}, {"a": 2}, True),
        ({"And": [{"Variable": "$.a", "IsPresent": True}, {"Variable": "$.a", "NumericGreaterThan": 1}]}, {}, False),
        ({"Or": [{"Variable": "$.a", "IsNull": True}, {"Variable": "$.b", "IsPresent": True}]}, {"a": None}, True),
    ],
)
def test_choices(run: Run, rule: dict[str, Any], given: Any, chosen: bool) -> None:
    states = {
        "Choose": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": True, "End": True},
        "No": {"Type": "Pass", "Result": False, "End": True},
    }
    assert output(run(states, given)) is chosen


def test_intrinsic_functions_and_the_context_object(run: Run) -> None:
    states = {
        "Compute": {
            "Type": "Pass",
            "Parameters": {
                "text.$": "States.Format('{}/{}', $.a, $.b)",
                "json.$": "States.JsonToString($)",
                "hash.$": "States.Hash($.a, 'SHA-256')",
                "execution.$": "$$.Execution.Id",
                "name.$": "$$.Execution.Name",
                "started.$": "$$.Execution.StartTime",
                "entered.$": "$$.State.EnteredTime",
            },
            "End": True,
        }
    }
    ended = run(states, {"a": "x", "b": 1})
    computed = output(ended)
    assert computed["text"] == "x/1"
    assert json.loads(computed["json"]) == {"a": "x", "b": 1}
    assert computed["hash"] == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert computed["execution"] == ended["executionArn"]
    assert computed["execution"].endswith(computed["name"])
    assert computed["started"] <= computed["entered"]


def test_parallel_branches_join_through_a_result_selector(run: Run, outputs: dict[str, str]) -> None:
    branches = [
        {"StartAt": "A", "States": {"A": invoke(outputs, {"from": "a"}, OutputPath="$.Payload", End=True)}},
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": {"from": "b"}, "End": True}}},
    ]
    states = {
        "Both": {
            "Type": "Parallel",
            "Branches": branches,
            "ResultSelector": {"a.$": "$[0].from", "b.$": "$[1].from"},
            "ResultPath": "$.both",
            "End": True,
        }
    }
    assert output(run(states, {"kept": 1})) == {"kept": 1, "both": {"a": "a", "b": "b"}}


def test_a_failing_branch_fails_the_parallel_state_and_is_caught_by_class(run: Run, outputs: dict[str, str]) -> None:
    states = {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "A", "States": {"A": invoke(outputs, {"do": "fail"}, End=True)}},
                {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}},
            ],
            "Catch": [{"ErrorEquals": ["NotToday"], "ResultPath": "$.error", "Next": "Caught"}],
            "End": True,
        },
        "Caught": OK,
    }
    assert output(run(states))["error"]["Error"] == "NotToday"


def test_a_message_is_sent_to_the_dead_letter_queue(run: Run, cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    states = {
        "Send": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {
                "QueueUrl": outputs["DlqUrl"],
                "MessageBody.$": "States.JsonToString($)",
                "MessageAttributes": {"dataset": {"DataType": "String", "StringValue.$": "$.dataset"}},
            },
            "ResultPath": None,
            "End": True,
        }
    }
    given = {"dataset": "flights", "reason": "é"}
    assert output(run(states, given)) == given
    received = (
        cloud.session()
        .client("sqs")
        .receive_message(QueueUrl=outputs["DlqUrl"], MessageAttributeNames=["All"], WaitTimeSeconds=5)
    )
    (message,) = received["Messages"]
    assert json.loads(message["Body"]) == given
    assert message["MessageAttributes"]["dataset"]["StringValue"] == "flights"


def test_an_alert_is_published(run: Run, cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    session = cloud.session()
    url = session.client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
    arn = session.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]}
    session.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    session.client("sns").subscribe(TopicArn=outputs["AlertsTopicArn"], Protocol="sqs", Endpoint=arn["QueueArn"])
    states = {
        "Alert": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {
                "TopicArn": outputs["AlertsTopicArn"],
                "Subject": "Filegate",
                "Message.$": "States.Format('run {}', $.run_id)",
            },
            "End": True,
        }
    }
    assert "MessageId" in output(run(states, {"run_id": "r1"}))
    (message,) = session.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["Message"] == "run r1"


def test_the_ledger_is_updated_under_a_condition(run: Run, cloud: EmbeddedCloud, outputs: dict[str, str]) -> None:
    table = cloud.session().resource("dynamodb").Table(outputs["LedgerTable"])
    table.put_item(Item={"pk": "run", "status": "RUNNING", "dataset": "flights", "started_at": "2026"})
    update = {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:updateItem",
        "Parameters": {
            "TableName": outputs["LedgerTable"],
            "Key": {"pk": {"S.$": "$.run_id"}},
            "UpdateExpression": "SET #status = :status, failed_at = :at ADD retries :one",
            "ConditionExpression": "#status = :running",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":status": {"S": "FAILED"},
                ":running": {"S": "RUNNING"},
                ":at": {"S.$": "$$.State.EnteredTime"},
                ":one": {"N": "1"},
            },
        },
        "ResultPath": None,
        "Catch": [
            {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "ResultPath": "$.lost", "Next": "Lost"}
        ],
        "End": True,
    }
    states = {"Update": update, "Lost": OK}
    assert output(run(states, {"run_id": "run"})) == {"run_id": "run"}
    item = table.get_item(Key={"pk": "run"})["Item"]
    assert (item["status"], item["retries"]) == ("FAILED", 1)
    assert str(item["failed_at"]).startswith("20")
    assert output(run(states, {"run_id": "run"}))["lost"]["Error"] == "DynamoDB.ConditionalCheckFailedException"
