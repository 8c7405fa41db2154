"""The state machine: start an execution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StateMachine(Protocol):
    """Starts executions."""

    def start(self, name: str, document: Mapping[str, Any]) -> bool:
        """Starts the execution of this name; False if there was one already, running or ended: it is left alone."""
        ...


class StepFunctionsStateMachine:
    """A state machine of Step Functions. It keeps the name of an execution for 90 days, the queue a message for 14."""

    def __init__(self, client: SFNClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def start(self, name: str, document: Mapping[str, Any]) -> bool:
        try:
            self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(document))
        except self._client.exceptions.ExecutionAlreadyExists:
            return False
        return True
