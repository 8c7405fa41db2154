"""The deployed pipeline from outside: deliver bytes, wait, read what became of them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar

import boto3
import polars as pl

from filegate.runs.manifests import OutputManifest, QuarantineManifest
from filegate.runs.record import RunRecord
from filegate.runs.run import run_id_of
from filegate.runs.states import Status
from filegate.storage.dynamodb import DynamoDBLedger

PATIENCE = 150.0
WITHIN_PARALLEL = ("OutputToS3", "UpdateMetadata")
T = TypeVar("T")


@dataclass(frozen=True)
class Drop:
    """One object version in the raw bucket, and the run it starts."""

    bucket: str
    key: str
    version_id: str

    @property
    def run_id(self) -> str:
        return run_id_of(self.bucket, self.key, self.version_id)


@dataclass(frozen=True)
class Execution:
    """One execution that is over."""

    arn: str
    status: str
    error: str | None
    cause: str | None
    input: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def run_id(self) -> str | None:
        """None of an execution that records another one's end."""
        given = self.input
        if "ended" in given:
            return None
        return given.get("run_id") or run_id_of(given["bucket"], given["key"], given["version_id"])

    @property
    def states(self) -> list[str]:
        """The states it entered, in order; on the embedded cloud without those inside a Parallel state."""
        return [
            event["stateEnteredEventDetails"]["name"] for event in self.events if "stateEnteredEventDetails" in event
        ]

    @property
    def steps(self) -> int:
        """How many transitions it took on the embedded cloud, those within Parallel states and retries included."""
        visits = [visit for state in set(self.states) for visit in self.attempts(state)]
        retries = sum(len(attempts) - 1 for attempts in visits if attempts)
        return len(self.states) + retries + len(WITHIN_PARALLEL) * self.states.count("ParallelOutput")

    @property
    def errors(self) -> list[str | None]:
        """Of an execution with a single task, as a map starts them: the error of each attempt."""
        return [
            event.get("taskFailedEventDetails", {}).get("error")
            for event in self.events
            if event["type"] in ("TaskSucceeded", "TaskFailed")
        ]

    def attempts(self, state: str) -> list[list[tuple[datetime, datetime, str | None]]]:
        """For each visit of a function's state, its attempts: when it began and ended, and its error.

        Those of OutputToS3 count as ParallelOutput's, whose only function it is.
        """
        visits: list[list[tuple[datetime, datetime, str | None]]] = []
        within = False
        for event in self.events:
            entered = event.get("stateEnteredEventDetails", {}).get("name")
            if entered is not None and entered not in WITHIN_PARALLEL:
                within = entered == state
                if within:
                    visits.append([])
            if not within:
                continue
            resource = str(event.get(f"{event['type'][0].lower()}{event['type'][1:]}EventDetails", {}).get("resource"))
            if not resource.endswith("invoke"):
                continue
            if event["type"] == "TaskScheduled":
                begun = event["timestamp"]
            elif event["type"] != "TaskStarted":
                error = event.get("taskFailedEventDetails", {}).get("error")
                visits[-1].append((begun, event["timestamp"], error))
        return visits


class Pipeline:
    """Puts objects into the raw bucket, plans faults, and reads what each service has to say afterwards."""

    def __init__(self, session: boto3.Session, outputs: Mapping[str, str], *, patience: float = PATIENCE) -> None:
        self.outputs = outputs
        self.patience = patience
        self.client = session.client
        self.s3: Any = session.client("s3")
        self.stepfunctions: Any = session.client("stepfunctions")
        self.dynamodb: Any = session.client("dynamodb")
        self.lambdas: Any = session.client("lambda")
        self._iam: Any = session.client("iam")
        self._sqs: Any = session.client("sqs")
        self._sns: Any = session.client("sns")
        self.ledger = DynamoDBLedger(self.dynamodb, outputs["LedgerTable"])
        self._received: dict[str, dict[str, dict[str, Any]]] = {}
        self._executions: dict[str, Execution] = {}

    # What a user does

    def drop(self, key: str, data: bytes, *, faults: Mapping[str, Sequence[str]] | None = None) -> Drop:
        """Deliver an object by an event, as any upstream system would."""
        if faults:
            return self.start(self.put(key, data), faults=faults)
        put = self.s3.put_object(Bucket=self.outputs["RawBucket"], Key=key, Body=data)
        return Drop(self.outputs["RawBucket"], key, put["VersionId"])

    @cached_property
    def _unwatched(self) -> str:
        """A versioned bucket whose objects start nothing, which the functions may read as they do the raw bucket."""
        bucket = "unwatched"
        self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        reading = [
            {"Effect": "Allow", "Action": "s3:GetObjectVersion", "Resource": f"arn:aws:s3:::{bucket}/*"},
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
        ]
        for function in ("IngestFunction", "ValidateFunction"):
            configuration = self.lambdas.get_function_configuration(FunctionName=self.outputs[function])
            self._iam.put_role_policy(
                RoleName=configuration["Role"].rpartition("/")[2],
                PolicyName=bucket,
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": reading}),
            )
        return bucket

    def put(self, key: str, data: bytes) -> Drop:
        """Store an object that starts nothing."""
        put = self.s3.put_object(Bucket=self._unwatched, Key=key, Body=data)
        return Drop(self._unwatched, key, put["VersionId"])

    def start(
        self,
        drop: Drop,
        *,
        sequencer: str = "01",
        faults: Mapping[str, Sequence[str]] | None = None,
        machine: str | None = None,
        **more: str,
    ) -> Drop:
        """Start an execution with an input like the rule's, after planning its faults."""
        run_id = more.get("run_id", drop.run_id)
        for state, names in (faults or {}).items():
            for number, name in enumerate(names):
                key = f"faults/{run_id}/{state}/{number:03d}"
                self.s3.put_object(Bucket=self.outputs["StagingBucket"], Key=key, Body=name.encode())
        event = {"id": "by hand", "bucket": drop.bucket, "key": drop.key, "version_id": drop.version_id}
        self.stepfunctions.start_execution(
            stateMachineArn=machine or self.outputs["StateMachineArn"],
            input=json.dumps({**event, "sequencer": sequencer, **more}),
        )
        return drop

    # Functions and machines like those deployed, for what a deployment has but one of

    def function_like(
        self,
        function: str,
        kind: str,
        *,
        image: str | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
        **changed: int,
    ) -> str:
        """A function like this one, but for what is given; `kind` is added to its name."""
        deployed = self.lambdas.get_function(FunctionName=function)
        was = deployed["Configuration"]
        name = f"{function}-{kind}"
        self.lambdas.create_function(
            FunctionName=name,
            PackageType="Image",
            Code={"ImageUri": image or deployed["Code"]["ImageUri"]},
            Role=was["Role"],
            Architectures=was["Architectures"],
            Environment={"Variables": {**was["Environment"]["Variables"], **variables}},
            **{"MemorySize": was["MemorySize"], "Timeout": was["Timeout"], **changed},
        )
        self.lambdas.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.2})
        return name

    def machine_like(self, name: str, functions: Mapping[str, str]) -> str:
        """The ARN of a state machine like the deployed one, with other functions; by stage."""
        deployed = self.stepfunctions.describe_state_machine(stateMachineArn=self.outputs["StateMachineArn"])
        definition = deployed["definition"]
        for stage, function in functions.items():
            real = f':function:{self.outputs[f"{stage.title()}Function"]}"'
            assert real in definition
            definition = definition.replace(real, f':function:{function}"')
        made = self.stepfunctions.create_state_machine(name=name, definition=definition, roleArn=deployed["roleArn"])
        return str(made["stateMachineArn"])

    # What came of it

    def run(self, run_id: str) -> RunRecord:
        """The run's record, once it is final and its execution over: the manifest and the alert come last."""

        def ended() -> RunRecord | None:
            record = self.ledger.get(run_id)
            if record is None or record.status == Status.RUNNING:
                return None
            execution = self.stepfunctions.describe_execution(executionArn=record.owner)
            return record if execution["status"] != "RUNNING" else None

        return eventually(ended, self.patience)

    def executions(self, run_id: str, count: int = 1) -> list[Execution]:
        """The executions of a run, once there are `count` of them and all are over."""

        def over() -> list[Execution]:
            found = [execution for execution in self.all_executions() if execution.run_id == run_id]
            return found if len(found) >= count else []

        return eventually(over, self.patience)

    def execution(self, run_id: str) -> Execution:
        (found,) = self.executions(run_id)
        return found

    def all_executions(self) -> list[Execution]:
        """Every execution that is over, of every state machine."""
        for machine in self.stepfunctions.list_state_machines()["stateMachines"]:
            pages = self.stepfunctions.get_paginator("list_executions").paginate(
                stateMachineArn=machine["stateMachineArn"]
            )
            for page in pages:
                for item in page["executions"]:
                    if item["status"] != "RUNNING" and item["executionArn"] not in self._executions:
                        self._executions[item["executionArn"]] = self._execution(item["executionArn"])
        return list(self._executions.values())

    def tries(self, run_id: str) -> dict[str, list[list[str | None]]]:
        """By state and range, as in `ValidateRange.1`, the errors that the attempts of each of a map's children had.

        LocalStack keeps nothing about children.
        """
        found: dict[str, list[list[str | None]]] = {}
        for map_run in self.stepfunctions.list_map_runs(executionArn=self.execution(run_id).arn)["mapRuns"]:
            pages = self.stepfunctions.get_paginator("list_executions").paginate(mapRunArn=map_run["mapRunArn"])
            for item in (item for page in pages for item in page["executions"]):
                child = self._execution(item["executionArn"])
                name = f"{child.input['state']}.{child.input['range']['index']}"
                found.setdefault(name, []).append(child.errors)
        return found

    def _execution(self, arn: str) -> Execution:
        found = self.stepfunctions.describe_execution(executionArn=arn)
        pages = self.stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        return Execution(
            arn, found["status"], found.get("error"), found.get("cause"), json.loads(found["input"]), events
        )

    def dead_letters(self, run_id: str) -> list[dict[str, Any]]:
        """The run's messages in the dead-letter queue."""
        bodies = [json.loads(message["Body"]) for message in self._messages(self.outputs["DlqUrl"])]
        return [body for body in bodies if body.get("run_id") == run_id]

    def unreported(self, execution: str) -> list[dict[str, Any]]:
        """Messages in the dead-letter queue about an execution that ended without sending one itself."""
        bodies = [json.loads(message["Body"]) for message in self._messages(self.outputs["DlqUrl"])]
        return [body for body in bodies if body.get("execution") == execution and "run_id" not in body]

    @cached_property
    def inbox(self) -> str:
        """A queue that gets every alert from the moment this is first asked for."""
        url = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self.outputs["AlertsTopicArn"]
        delivery = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [delivery]})
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self._sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return str(url)

    def alerts(self, run_id: str) -> list[dict[str, Any]]:
        """The alerts about a run: `Subject` and `Message`."""
        return [alert for alert in self.all_alerts() if run_id in alert["Message"]]

    def all_alerts(self) -> list[dict[str, Any]]:
        return [json.loads(message["Body"]) for message in self._messages(self.inbox)]

    def _messages(self, url: str) -> list[dict[str, Any]]:
        """All that ever was in a queue when this was asked; nothing is taken from it, so that others see it too."""
        known = self._received.setdefault(url, {})
        receipts: list[str] = []
        arguments = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60}
        while messages := self._sqs.receive_message(**arguments).get("Messages", []):
            known.update({message["MessageId"]: message for message in messages})
            receipts.extend(message["ReceiptHandle"] for message in messages)
        for receipt in receipts:
            self._sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
        return list(known.values())

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.outputs[bucket], Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, bucket: str, key: str) -> bytes:
        data: bytes = self.s3.get_object(Bucket=self.outputs[bucket], Key=key)["Body"].read()
        return data

    def manifest(self, dataset: str, run_id: str) -> OutputManifest | None:
        """What readers of the processed bucket find of a run."""
        key = f"{dataset}/_manifests/{run_id}.json"
        if key not in self.keys("ProcessedBucket", key):
            return None
        return OutputManifest.model_validate_json(self.read("ProcessedBucket", key))

    def parts(self, dataset: str, run_id: str) -> dict[str, bytes]:
        """The published parts of a run: their bytes, by key."""
        manifest = self.manifest(dataset, run_id)
        return {} if manifest is None else {p.target: self.read("ProcessedBucket", p.target) for p in manifest.parts}

    def made(self, run: RunRecord) -> dict[str, bytes]:
        """The parts that a run published, quarantined, and staged by validate; without its id in their names."""
        places = {
            "ProcessedBucket": f"{run.dataset}/",
            "QuarantineBucket": f"{run.dataset}/{run.run_id}/",
            "StagingBucket": f"runs/{run.run_id}/accepted/",
        }
        return {
            f"{bucket}/{key.replace(run.run_id, 'run')}": self.read(bucket, key)
            for bucket, prefix in places.items()
            for key in self.keys(bucket, prefix)
            if run.run_id in key and key.endswith(".parquet")
        }

    def published(self, dataset: str, run_id: str) -> pl.DataFrame:
        """The published rows of a run, its partition columns among them as strings."""
        frames = []
        for key, data in self.parts(dataset, run_id).items():
            folders = [folder.split("=", 1) for folder in key.split("/") if "=" in folder]
            frames.append(
                pl.read_parquet(io.BytesIO(data)).with_columns(pl.lit(value).alias(name) for name, value in folders)
            )
        return pl.concat(frames) if frames else pl.DataFrame()

    def quarantined(self, dataset: str, run_id: str) -> pl.DataFrame:
        """The rejected rows of a run."""
        prefix = f"{dataset}/{run_id}/"
        if f"{prefix}manifest.json" not in self.keys("QuarantineBucket", prefix):
            return pl.DataFrame()
        manifest = QuarantineManifest.model_validate_json(self.read("QuarantineBucket", f"{prefix}manifest.json"))
        frames = [pl.read_parquet(io.BytesIO(self.read("QuarantineBucket", part.key))) for part in manifest.parts]
        return pl.concat(frames)


def eventually(probe: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """What the probe gives once it gives something."""
    deadline = time.monotonic() + patience
    while not (found := probe()):
        assert time.monotonic() < deadline, f"nothing came within {patience:g} seconds"
        time.sleep(0.1)
    return found
