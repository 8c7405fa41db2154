"""The pipeline on LocalStack with its real images, out of the project's own compose file."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from testcontainers.compose import DockerCompose

from filegate.devcloud.deploy import STACK
from filegate.devcloud.session import session_for
from harness.pipeline import Pipeline

REPOSITORY = Path(__file__).parents[1]
DIAGNOSTICS = REPOSITORY / "build" / "diagnostics"
REGION = "us-east-1"
STAGES = ("ingest", "validate", "transform", "output")
SETTINGS = ("COMPOSE_PROJECT_NAME", "LOCALSTACK_PORT", "LAMBDA_IMAGES_CPU_SHARE", "LAMBDA_IMAGES_PARALLEL")


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Stack:
    """A compose project of its own on a free port, deployed and ready.

    Args:
        folder: for files of its own.
        settings: variables of the compose file.
        overrides: compose files that change the project's.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], overrides: Sequence[Path] = ()) -> None:
        self.project = f"filegate-e2e-{uuid.uuid4().hex[:8]}"
        for name in SETTINGS:  # compose would take them from the shell first, and `make` exports some
            os.environ.pop(name, None)
        variables = folder / f"{self.project}.env"
        chosen = {"COMPOSE_PROJECT_NAME": self.project, "LOCALSTACK_PORT": "0", **settings}
        variables.write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
        files = ["docker-compose.yml", *map(str, overrides)]
        self.compose = DockerCompose(REPOSITORY, compose_file_name=files, env_file=str(variables))

    @cached_property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.compose.get_service_port('localstack', 4566)}"

    @cached_property
    def session(self) -> boto3.Session:
        return session_for(self.endpoint, REGION)

    @cached_property
    def outputs(self) -> dict[str, str]:
        stack = self.session.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def pipeline(self, *, patience: float) -> Pipeline:
        return Pipeline(self.session, self.outputs, patience=patience)

    def containers(self, function: str = "") -> list[str]:
        """Names of the functions' execution environments that run now; of one function, by its full name, or of all."""
        mine = f"label=com.docker.compose.project={self.project}"
        listed = run("docker", "ps", "--filter", mine, "--format", "{{.Names}}").split()
        return [name for name in listed if name.startswith(f"{self.project}-{function or 'filegate-'}")]

    def stop(self) -> None:
        """LocalStack first, so that it removes its functions' containers before compose would."""
        with suppress(subprocess.CalledProcessError):  # it was never there
            run("docker", "stop", f"{self.project}-localstack-1")
        self.compose.stop()

    def save_diagnostics(self, name: str) -> Path:
        """Write what shows why a test failed; nothing in it is needed to pass."""
        folder = DIAGNOSTICS / name
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(subprocess.CalledProcessError):
            (folder / "compose.log").write_text("".join(self.compose.get_logs("--no-color", "--timestamps")))
        listed = ["docker", "ps", "--all", "--filter", f"label=com.docker.compose.project={self.project}"]
        (folder / "containers.txt").write_text(run(*listed))
        for what in ("health", "init", "info"):
            with suppress(OSError), urllib.request.urlopen(f"{self.endpoint}/_localstack/{what}", timeout=10) as answer:
                (folder / f"{what}.json").write_bytes(answer.read())
        with suppress(Exception):
            (folder / "executions.json").write_text(json.dumps(self._executions(), default=str, indent=1))
        return folder

    def _executions(self) -> list[Any]:
        client = self.session.client("stepfunctions")
        machines = client.list_state_machines()["stateMachines"]
        return [
            {**execution, "history": client.get_execution_history(executionArn=execution["executionArn"])["events"]}
            for machine in machines
            for execution in client.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
            if execution["status"] != "SUCCEEDED"
        ]


@contextmanager
def running(folder: Path, *overrides: Path, **settings: str) -> Iterator[Stack]:
    """A stack, ready; it ends with the block."""
    stack = Stack(folder, settings, overrides)
    try:
        stack.compose.start()
        yield stack
    except BaseException:
        print(f"see {stack.save_diagnostics(stack.project)}")  # noqa: T201 - shown by pytest
        raise
    finally:
        stack.stop()
