"""What the roles use, in the words of IAM.

The words are those of AWS's own pages, not the emulator's, whose view of the same calls is the other half of the proof.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import boto3

from filegate.devcloud.cloud import REGION
from harness.proxy import Exchange

from ..iam import ACCOUNT, Policy, Use


class UnknownCall(Exception):
    """Nobody has said yet what a call needs."""


class Encryption:
    """What the cloud keeps under a key of ours, and what that makes a caller need of the key besides."""

    def __init__(self, session: boto3.Session) -> None:
        self._clients: dict[str, Any] = {name: session.client(name) for name in ("s3", "dynamodb", "sqs", "sns")}
        self._known: dict[tuple[str, str], tuple[str | None, list[dict[str, str]]]] = {}

    def uses(self, use: Use, service: str, name: str, actions: Iterable[str]) -> Iterator[Use]:
        """What the service asks KMS for in the caller's name.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        """
        if (service, name) not in self._known:
            self._known[service, name] = getattr(self, f"_on_{service}")(self._clients[service], name)
        key_arn, encryption_contexts = self._known[service, name]
        if key_arn is None:
            return
        via = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT}
        for action, pairs in itertools.product(actions, encryption_contexts):
            context = {f"kms:EncryptionContext:{pair}": value for pair, value in pairs.items()}
            yield Use(use.role, action, key_arn, f"{use.call}, which is encrypted", {**use.context, **via, **context})

    def _on_s3(self, s3: Any, bucket: str) -> tuple[str | None, list[dict[str, str]]]:
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        key_arn = rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
        # Under a bucket key the context is the bucket, else the object: the writer of each object may choose.
        return key_arn, [{"aws:s3:arn": f"arn:aws:s3:::{bucket}"}, {"aws:s3:arn": f"arn:aws:s3:::{bucket}/any"}]

    def _on_dynamodb(self, dynamodb: Any, table: str) -> tuple[str | None, list[dict[str, str]]]:
        told = dynamodb.describe_table(TableName=table)["Table"].get("SSEDescription", {})
        return told.get("KMSMasterKeyArn"), [{"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": ACCOUNT}]

    def _on_sqs(self, sqs: Any, queue: str) -> tuple[str | None, list[dict[str, str]]]:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return told.get("KmsMasterKeyId"), [{"aws:sqs:arn": told["QueueArn"]}]

    def _on_sns(self, sns: Any, topic: str) -> tuple[str | None, list[dict[str, str]]]:
        told = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        return told.get("KmsMasterKeyId"), [{"aws:sns:topicArn": topic}]


Call = tuple[Use, str, str, tuple[str, ...]]
"""What is used; and what that needs besides if it is encrypted: the service, the name there, the actions of KMS."""

DECRYPT, ENCRYPT, BOTH = ("kms:Decrypt",), ("kms:GenerateDataKey",), ("kms:Decrypt", "kms:GenerateDataKey")


def uses_of(exchange: Exchange, encryption: Encryption) -> Iterator[Use]:
    """What a function's call needs to be allowed.

    Raises:
        UnknownCall: nobody has said yet what this call needs.
    """
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    origin = {"lambda:SourceFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{exchange.function}"}
    calls = _on_dynamodb if "x-amz-target" in exchange.headers else _on_s3
    for use, service, name, kms in calls(exchange, origin):
        yield use
        if exchange.status < 300:
            yield from encryption.uses(use, service, name, kms)


# By method, whether a key is named, and what else marks the request.
S3_OPERATIONS = {
    ("HEAD", True, ""): "HeadObject",
    ("GET", True, ""): "GetObject",
    ("PUT", True, ""): "PutObject",
    ("PUT", True, "x-amz-copy-source"): "CopyObject",
    ("GET", False, "list-type"): "ListObjectsV2",
    ("POST", False, "delete"): "DeleteObjects",
}
UNMARKING = {"versionId", "prefix", "encoding-type", "continuation-token"}


def _on_s3(exchange: Exchange, origin: Mapping[str, str]) -> Iterator[Call]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html."""
    bucket, _, key = exchange.path.lstrip("/").partition("/")
    source = exchange.headers.get("x-amz-copy-source", "")
    marks = {*exchange.query} - UNMARKING | ({"x-amz-copy-source"} if source else set())
    operation = S3_OPERATIONS.get((exchange.method, bool(key), ",".join(sorted(marks))))

    def call(action: str, bucket: str, key: str, *kms: str) -> Call:
        arn = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
        return Use(exchange.role, action, arn, f"{operation} s3://{bucket}/{key}", origin), "s3", bucket, kms

    def reading(bucket: str, key: str, version: str | None, *kms: str) -> Iterator[Call]:
        yield call("s3:GetObjectVersion" if version else "s3:GetObject", bucket, key, *kms)
        if exchange.status == 404:  # whoever may not list the bucket would be told 403
            yield call("s3:ListBucket", bucket, "")

    match operation:
        case "HeadObject":
            yield from reading(bucket, key, exchange.query.get("versionId"))
        case "GetObject":
            yield from reading(bucket, key, exchange.query.get("versionId"), *DECRYPT)
        case "PutObject":
            yield call("s3:PutObject", bucket, key, *ENCRYPT)
        case "CopyObject":
            copied = urlsplit(f"/{source.lstrip('/')}")
            _, from_bucket, from_key = unquote(copied.path).split("/", 2)
            yield from reading(from_bucket, from_key, parse_qs(copied.query).get("versionId", [None])[0], *DECRYPT)
            yield call("s3:PutObject", bucket, key, *ENCRYPT)
        case "ListObjectsV2":
            yield call("s3:ListBucket", bucket, "")
        case "DeleteObjects":
            for element in ElementTree.fromstring(exchange.body).iter():
                if element.tag.rpartition("}")[2] == "Key":
                    yield call("s3:DeleteObject", bucket, element.text or "")
        case _:
            raise UnknownCall(
                f"{exchange.function} called {exchange.method} {exchange.path} with {sorted(marks)}. Add the operation "
                "to S3_OPERATIONS, and what it needs to `_on_s3`, as the page that is named there says."
            )


SINGLE_ITEM = {"GetItem", "UpdateItem"}
TRANSACTION_ITEM = {"Put": "PutItem", "Update": "UpdateItem"}


def _on_dynamodb(exchange: Exchange, origin: Mapping[str, str]) -> Iterator[Call]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html."""
    operation = exchange.headers["x-amz-target"].partition(".")[2]
    asked = json.loads(exchange.body)
    if operation == "TransactWriteItems":
        items = [(TRANSACTION_ITEM.get(kind), item) for one in asked["TransactItems"] for kind, item in one.items()]
    else:
        items = [(operation if operation in SINGLE_ITEM else None, asked)]
    for action, item in items:
        if action is None:
            raise UnknownCall(
                f"{exchange.function} called {operation} with {json.dumps(asked)}. Add what that needs to SINGLE_ITEM "
                "or TRANSACTION_ITEM, as the page that is named there says."
            )
        table = item["TableName"]
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
        yield Use(exchange.role, f"dynamodb:{action}", arn, f"{operation} {table}", origin), "dynamodb", table, DECRYPT


def uses_of_state_machine(role: str, definition: Policy, encryption: Encryption, items: Iterable[str]) -> Iterator[Use]:
    """What the tasks and the maps of a deployed definition need to be allowed; `items` are the keys that maps read.

    https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html and the pages beneath it, and
    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html.
    """
    for name, state in definition["States"].items():
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from uses_of_state_machine(role, inner, encryption, items)
        calling = {"Task": state, "Map": state.get("ItemReader")}.get(state["Type"])
        if calling is None:
            continue
        service, _, call = calling["Resource"].removeprefix("arn:aws:states:::").partition(":")
        told = calling.get("Parameters", {})
        match service, call:
            case "s3", "getObject":
                for key in items:
                    use = Use(role, "s3:GetObject", f"arn:aws:s3:::{told['Bucket']}/{key}", name)
                    yield from (use, *encryption.uses(use, "s3", told["Bucket"], DECRYPT))
            case "lambda", "invoke":
                yield Use(role, "lambda:InvokeFunction", told["FunctionName"], name)
            case "dynamodb", "updateItem":
                table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{told['TableName']}"
                use = Use(role, "dynamodb:UpdateItem", table, name)
                yield from (use, *encryption.uses(use, "dynamodb", told["TableName"], DECRYPT))
            case "sqs", "sendMessage":
                queue = told["QueueUrl"].rpartition("/")[2]
                use = Use(role, "sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}", name)
                yield from (use, *encryption.uses(use, "sqs", queue, BOTH))
            case "sns", "publish":
                use = Use(role, "sns:Publish", told["TopicArn"], name)
                yield from (use, *encryption.uses(use, "sns", told["TopicArn"], BOTH))
            case _:
                raise UnknownCall(f"{name} calls {calling['Resource']}: say here what that needs, as its page says.")
