"""LocalStack out of the project's own compose file, in a compose project and on a port of its own."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from filegate.devcloud.deploy import STACK

REPOSITORY = Path(__file__).parents[3]
REGION = "us-east-1"
# Long enough for a call that waits in line, and never twice: a second try would hide what the first one met.
CONFIG = Config(read_timeout=120, retries={"total_max_attempts": 1})


def run(*command: str, environment: Mapping[str, str] | None = None, check: bool = True) -> str:
    """What the command prints.

    Raises:
        AssertionError: it failed, with what it said.
    """
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass
class Stack:
    """A compose project with LocalStack in it; `environment` are variables of the compose file."""

    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    project: str = field(default_factory=lambda: f"filegate-test-{uuid.uuid4().hex[:8]}")

    def compose(self, *arguments: str, check: bool = True) -> str:
        files = [word for file in ("docker-compose.yml", *self.files) for word in ("--file", file)]
        environment = {"LOCALSTACK_PORT": "0", **self.environment, "COMPOSE_PROJECT_NAME": self.project}
        return run("docker", "compose", *files, *arguments, environment=environment, check=check)

    def start(self) -> None:
        self.compose("up", "--detach")

    def wait(self) -> subprocess.CompletedProcess[str]:
        """What `make up` waits with."""
        return subprocess.run(
            ["docker", "exec", self.container, "python3", "/etc/localstack/init/ready.py", "--wait"],
            capture_output=True,
            text=True,
            check=False,
        )

    def stop(self) -> None:
        """As `make down`; LocalStack removes its functions' containers itself, unless it crashed."""
        self.compose("stop", "localstack")
        self.compose("down", "--volumes", "--remove-orphans")

    @property
    def container(self) -> str:
        return f"{self.project}-localstack-1"

    @property
    def endpoint(self) -> str:
        return f"http://{run('docker', 'port', self.container, '4566/tcp').split()[0]}"

    def client(self, service: str) -> Any:
        session = boto3.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint, config=CONFIG)  # type: ignore[call-overload]

    def outputs(self) -> dict[str, str]:
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def of_functions(self, function: str = "") -> list[str]:
        """Names of the functions' containers, running or not."""
        owner = f"label=lambda-images.owner={self.project}"
        names = run("docker", "ps", "--all", "--filter", owner, "--format", "{{.Names}}").split()
        return [name for name in names if function in name]

    def left(self) -> dict[str, list[str]]:
        """What of the project there still is."""
        mine = ("--filter", f"label=com.docker.compose.project={self.project}")
        found = {
            "containers": run("docker", "ps", "--all", "--quiet", *mine).split(),
            "networks": run("docker", "network", "ls", "--quiet", *mine).split(),
            "volumes": run("docker", "volume", "ls", "--quiet", *mine).split(),
        }
        return {kind: names for kind, names in found.items() if names}


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    """The stack, started and ready; ends with the block."""
    try:
        stack.start()
        ready = stack.wait()
        assert ready.returncode == 0, ready.stderr + stack.compose("logs", "localstack", check=False)
        yield stack
    finally:
        stack.stop()


def invoke(stack: Stack, function: str, **event: Any) -> tuple[Any, str | None]:
    """The function's answer, and `FunctionError` if there is one."""
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")
