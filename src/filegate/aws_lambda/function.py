"""Turns stages into Lambda functions: parse the event, call the stage, return its result."""

from __future__ import annotations

import gc
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel

from filegate.aws_lambda.observability import begin, end, fail, logger
from filegate.aws_lambda.settings import FunctionSettings
from filegate.dataset.registry import Registry
from filegate.errors import FilegateError
from filegate.pipeline.context import Context, Meter, Stage
from filegate.runs.run import Range, Run
from filegate.runs.states import State
from filegate.storage.dynamodb import DynamoDBLedger
from filegate.storage.ledger import Ledger
from filegate.storage.requests import Requests, count_dynamodb, count_s3
from filegate.storage.s3 import S3ObjectStore

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

AWS = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}, max_pool_connections=32
)

INVOCATION_DIGITS = 12  # of the request's id: enough to tell one run's invocations apart


class UnexpectedError(FilegateError):
    """A defect. The first error's text is left out on purpose: it may hold a row's values."""


class Task(BaseModel):
    """What the state machine sends: the state's name, the run's document, and, in a fan-out, the range to work on."""

    state: State
    run: Run
    range: Range | None = None


def lambda_function(stages: Mapping[State, Stage]) -> Handler:
    """A Lambda handler that runs the stage belonging to the state that calls it.

    Whatever does not depend on the call is made here: Lambda gives a start a whole processor, and a call its share.

    Args:
        stages: the stage by the state that calls it.

    Raises:
        ValidationError: a variable of the function is missing or wrong.
    """
    context = _context()
    gc.freeze()  # what is there now stays: no need to look through it ever again
    gc.enable()  # see filegate.aws_lambda.startup
    not_charged_yet = _initialisation()

    @logger.inject_lambda_context(clear_state=True)
    def handle(event: dict[str, Any], invoked: LambdaContext) -> dict[str, Any]:
        nonlocal not_charged_yet
        task = Task.model_validate(event)
        run = task.run.with_range(task.range)
        begin(run, task.state)
        meter = Meter(
            invoked.aws_request_id.replace("-", "")[:INVOCATION_DIGITS],
            task.state,
            int(invoked.memory_limit_in_mb),
            _requests,
            head_start=not_charged_yet,
        )
        not_charged_yet = 0.0
        try:
            result = stages[task.state](run, replace(context, meter=meter))
        except (FilegateError, BotoCoreError, ClientError) as error:
            _fail(run, meter, error, context.ledger)
            raise
        except Exception as error:
            unexpected = _unexpected(error)
            _fail(run, meter, unexpected, context.ledger)
            raise unexpected from None
        end(run, result, meter.invocation())
        return result.with_usage(meter.usage()).model_dump(mode="json", exclude_none=True)

    return cast(Handler, handle)


def _fail(run: Run, meter: Meter, error: Exception, ledger: Ledger) -> None:
    """Tells of a failed invocation, and keeps what it used: the write in place of the one that it did not get to.

    Not of a range: where one fails, hundreds may, and the run's item in the ledger holds 400 KB.
    """
    fail(run, meter.invocation(failed=True), error)
    if run.range is not None:
        return
    try:
        ledger.record(run, run.usage | meter.usage(failed=True))
    except Exception as lost:  # the first error is the one that counts
        logger.warning("what it used was not kept", extra={"error_type": type(lost).__name__})


_requests = Requests()


def _context() -> Context:
    settings = FunctionSettings()
    session = boto3.Session()
    s3, dynamodb = session.client("s3", config=AWS), session.client("dynamodb", config=AWS)
    count_s3(s3, _requests)
    count_dynamodb(dynamodb, _requests)
    return Context(
        store=S3ObjectStore(s3),
        ledger=DynamoDBLedger(dynamodb, settings.ledger_table),
        registry=Registry(settings.datasets),
        settings=settings,
    )


def _initialisation() -> float:
    """Seconds from this process's start until now, which are charged with its first invocation.

    Zero where it is not Linux. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return 0.0
    started = int(stat.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def _unexpected(error: Exception) -> UnexpectedError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "filegate" in Path(frame.filename).parts]
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (*own[-1:], last)]
    return UnexpectedError(
        f"{type(error).__name__} at {', called at '.join(reversed(dict.fromkeys(places)))}.",
        advice="This is a defect of Filegate or of a library: please report it.",
    )
