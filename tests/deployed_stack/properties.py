"""How a property of a deployed resource is read from its service, and written where only tests deploy it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jmespath  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    import boto3

_NOT_FOUND, _NOT_IMPLEMENTED = 404, 501
_POLL_SECONDS = 0.1


class NoSuchService(Exception):
    """The local cloud does not have this service."""


class Aws:
    """Calls of any AWS service by name; a read is made once until something is written to its service."""

    def __init__(self, session: boto3.Session) -> None:
        self._session: Any = session  # typed by literal names; here the names come from a table
        self._clients: dict[str, Any] = {}
        self._answers: dict[tuple[str, str, str], Any] = {}

    def read(self, service: str, operation: str, arguments: Mapping[str, Any]) -> Any:
        """The service's answer; {} if it answers "not found"."""
        key = (service, operation, json.dumps(arguments))
        if key not in self._answers:
            try:
                self._answers[key] = self._call(service, operation, arguments)
            except ClientError as error:
                # EC2 answers 400 to everything; its error code says what is wrong.
                if not (_status(error) == _NOT_FOUND or error.response["Error"]["Code"].endswith(".NotFound")):
                    raise
                self._answers[key] = {}
        return self._answers[key]

    def write(self, service: str, operation: str, arguments: Mapping[str, Any]) -> None:
        self._call(service, operation, arguments)
        self._answers = {key: answer for key, answer in self._answers.items() if key[0] != service}

    def wait(self, service: str, waiter: str, arguments: Mapping[str, Any]) -> None:
        """Wait as the SDK does, but with a shorter poll."""
        self._client(service).get_waiter(waiter).wait(**arguments, WaiterConfig={"Delay": _POLL_SECONDS})

    def text(self, bucket: str, key: str) -> str:
        """The content of an object of S3."""
        return str(self._call("s3", "get_object", {"Bucket": bucket, "Key": key})["Body"].read().decode())

    def _call(self, service: str, operation: str, arguments: Mapping[str, Any]) -> Any:
        try:
            return getattr(self._client(service), operation)(**arguments)
        except ClientError as error:
            if _status(error) == _NOT_IMPLEMENTED:
                raise NoSuchService(f"This cloud has no {service}: {error}") from None
            raise

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return self._clients[service]


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


@dataclass(frozen=True, kw_only=True)
class Read:
    """`path`, a JMESPath, in what `operation` answers about the resource whose id is its `argument`."""

    service: str
    operation: str
    argument: str
    path: str
    listed: bool = False  # whether the argument takes a list of ids
    more: Mapping[str, Any] | None = None

    def __call__(self, aws: Aws, physical_id: str) -> Any:
        wanted: Any = [physical_id] if self.listed else physical_id
        answer = aws.read(self.service, self.operation, {self.argument: wanted, **(self.more or {})})
        return jmespath.search(self.path, answer)


@dataclass(frozen=True, kw_only=True)
class Write:
    """`operation` with the resource's id as `argument` and the value as `body`."""

    service: str
    operation: str
    argument: str
    body: str

    def __call__(self, aws: Aws, physical_id: str, value: Any) -> None:
        aws.write(self.service, self.operation, {self.argument: physical_id, self.body: value})


@dataclass(frozen=True)
class Property:
    """One property of a resource type.

    Attributes:
        read: the value in the service, in the shape of its API; None if it is not set.
        form: the template's value in the shape of the API.
        write: sets a value in the shape of the API; None where CloudFormation or a local deployment does.
    """

    read: Callable[[Aws, str], Any]
    form: Callable[[Any], Any] = lambda value: value
    write: Callable[[Aws, str, Any], None] | None = None
