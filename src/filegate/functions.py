"""Turns stages into Lambda functions: parse the event, call the stage, return its result."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel

import filegate.allocator  # noqa: F401 - before polars
from filegate.errors import FilegateError
from filegate.observability import logger, report
from filegate.registry import Registry
from filegate.runs import Run
from filegate.settings import FunctionSettings
from filegate.stages.context import Context
from filegate.storage.dynamodb import DynamoDBLedger
from filegate.storage.s3 import S3ObjectStore

Stage = Callable[[Run, Context], Run]
Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

AWS = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}, max_pool_connections=32
)


class UnexpectedError(FilegateError):
    """A defect. The first error's text is left out on purpose: it may hold a row's values."""


class Task(BaseModel):
    """What the state machine sends: the state's name and the run's document."""

    state: str
    run: Run


def lambda_function(stages: Mapping[str, Stage]) -> Handler:
    """A Lambda handler that runs the stage belonging to the state that calls it.

    Args:
        stages: the stage by name of state.
    """

    @logger.inject_lambda_context(clear_state=True)
    def handle(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
        task = Task.model_validate(event)
        run = task.run
        logger.append_keys(run_id=run.run_id, dataset=run.request.dataset, state=task.state)
        logger.info("started")
        try:
            result = stages[task.state](run, _context())
        except (FilegateError, BotoCoreError, ClientError):
            raise
        except Exception as error:
            raise _unexpected(error) from None
        report(run, result)
        logger.info("done")
        return result.model_dump(mode="json", exclude_none=True)

    return cast(Handler, handle)


@cache
def _context() -> Context:
    """Built once an execution environment."""
    settings = FunctionSettings()
    session = boto3.Session()
    return Context(
        store=S3ObjectStore(session.client("s3", config=AWS)),
        ledger=DynamoDBLedger(session.client("dynamodb", config=AWS), settings.ledger_table),
        registry=Registry(settings.datasets),
        settings=settings,
    )


def _unexpected(error: Exception) -> UnexpectedError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "filegate" in Path(frame.filename).parts]
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (*own[-1:], last)]
    return UnexpectedError(
        f"{type(error).__name__} at {', called at '.join(reversed(dict.fromkeys(places)))}.",
        advice="This is a defect of Filegate or of a library: please report it.",
    )
