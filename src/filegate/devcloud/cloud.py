"""The embedded cloud: an AWS in this process, with the pipeline's functions as its child processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from unittest import mock

import boto3

from filegate.deploy.image_registry import STAGES
from filegate.devcloud import patches
from filegate.devcloud.deploy import deploy_local
from filegate.devcloud.dropped import MINISTACK
from filegate.devcloud.functions import Functions
from filegate.devcloud.session import RoleSessions, session_for
from filegate.errors import FilegateError

REGION = "us-east-1"
_REPOSITORY = Path(__file__).resolve().parents[3]
_START_SECONDS = 30.0


class CloudNotStarted(FilegateError):
    """The embedded cloud could not start, or another one runs in this process."""


class EmbeddedCloud:
    """S3, EventBridge, Step Functions, Lambda, DynamoDB, SQS, SNS and CloudFormation on 127.0.0.1, until stopped.

        with EmbeddedCloud() as cloud:
            outputs = cloud.deploy()
            cloud.session().client("s3").put_object(Bucket=outputs["RawBucket"], Key="flights/1.csv", Body=rows)

    One at a time in a process: the emulator, ministack, keeps its state in modules. Its state ends with it.

    Args:
        port: where to listen; 0 takes a free one.
        images: the directory of the stages' code, one directory a stage.
        datasets: the directory of the declared datasets.

    Raises:
        CloudNotStarted: the port is taken, or another embedded cloud runs in this process.
        IncompatibleMinistack: another release of ministack is installed.
    """

    _running = threading.Lock()

    def __init__(
        self,
        *,
        port: int = 0,
        images: Path = _REPOSITORY / "images",
        datasets: Path = _REPOSITORY / "datasets",
    ) -> None:
        if not EmbeddedCloud._running.acquire(blocking=False):
            raise CloudNotStarted("An embedded cloud already runs in this process.", advice="Stop it first.")
        self._cleanup = contextlib.ExitStack()
        self._cleanup.callback(EmbeddedCloud._running.release)
        self._can_deploy = False
        try:
            listener = self._cleanup.enter_context(_listen(port))
            self.port: int = listener.getsockname()[1]
            self.endpoint = f"http://127.0.0.1:{self.port}"
            self._cleanup.enter_context(mock.patch.dict(os.environ, _ministack_variables(self.port)))
            functions = Functions(
                images=images.resolve(),
                variables={**self.client_environment(), "FILEGATE_DATASETS": str(datasets.resolve())},
                credentials=RoleSessions(self.session()).variables,
                concurrency=min(4, max(2, os.cpu_count() or 2)),
            )
            with _untouched_logging():
                executions = self._cleanup.enter_context(patches.installed(port=self.port, invoke=functions.invoke))
            self._cleanup.enter_context(_served(listener))
            self._cleanup.callback(executions.stop, functions.stop)
        except BaseException:
            self._cleanup.close()
            raise

    def client_environment(self) -> dict[str, str]:
        """Variables under which any AWS SDK or the `aws` command talks to this cloud, and to no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",  # any will do, but an SDK wants one
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def session(self) -> boto3.Session:
        """A boto3 session whose clients talk to this cloud."""
        return session_for(self.endpoint, REGION)

    def deploy(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        template: Path = _REPOSITORY / "infra/cloudformation/main.yaml",
    ) -> dict[str, str]:
        """Deploy the CloudFormation templates as they are for AWS, and return the outputs of the main stack.

        What the emulator's CloudFormation drops of a local deployment is written through the services' own APIs.

        Args:
            parameters: of the main template; those not given are set for a local run.
            template: the main template, with its nested ones beside it.

        Raises:
            DeploymentFailed: a resource could not be created or updated.
        """
        if not self._can_deploy:
            self._cleanup.enter_context(patches.installed_for_deployment())
            self._can_deploy = True
        registry = f"000000000000.dkr.ecr.{REGION}.amazonaws.com/filegate"
        images = {f"{stage.title()}ImageUri": f"{registry}/{stage}:local" for stage in STAGES}
        given = {**images, **(parameters or {})}
        return deploy_local(self.session(), template=template, parameters=given, dropped=MINISTACK)

    def stop(self) -> None:
        """End every function's process and the server, and undo what was changed here. Safe to call twice."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise CloudNotStarted(
            f"127.0.0.1:{port} cannot be listened on: {os.strerror(error.errno or 0)}.",
            advice="Choose another port, or 0 for any.",
        ) from None


def _ministack_variables(port: int) -> dict[str, str]:
    """The environment variables that are ministack's settings, read at its import and later."""
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",  # no limit: calls wait for their turn in `Functions`
        "LOG_LEVEL": "WARNING",
        # At start it removes the containers that it believes to be its own: it must not find an engine. The query keeps
        # Docker's SDK, where that is installed, from trying: its attempts leave sockets open.
        "DOCKER_HOST": "unix:///nonexistent/docker.sock?none",
    }


@contextlib.contextmanager
def _untouched_logging() -> Iterator[None]:
    """Restores the root logger at the end of the block: ministack configures it on import."""
    logging.getLogger("kms").setLevel(logging.ERROR)  # warns that it cannot sign; nothing here does
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@contextlib.contextmanager
def _served(listener: socket.socket) -> Iterator[None]:
    """The ASGI application of ministack on `listener`, in a thread with a loop of its own."""
    from hypercorn.asyncio import serve  # noqa: PLC0415 - belongs to the "local" extra
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack.app import app  # type: ignore[import-untyped]  # noqa: PLC0415

    config = Config()
    config.bind = [f"fd://{os.dup(listener.fileno())}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.1
    started = threading.Event()
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()
    stopping = asyncio.Event()
    failure: list[BaseException] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async def observed(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                started.set()

        await app(scope, receive, observed if scope["type"] == "lifespan" else send)

    def run() -> None:
        try:
            with runner:
                runner.run(serve(application, config, shutdown_trigger=stopping.wait))
        except BaseException as error:  # handed to the thread that waits
            failure.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="embedded-cloud", daemon=True)
    thread.start()
    if not started.wait(_START_SECONDS) or failure:
        reason = failure[0] if failure else f"no answer within {_START_SECONDS:g} s"
        raise CloudNotStarted(f"The embedded cloud did not start: {reason}.")
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
