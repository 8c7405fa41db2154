"""A stage's image as a running function, called as Lambda calls it."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

STAGES = ("ingest", "validate", "transform", "output")
STATES = {
    "ingest": "IngestState",
    "validate": "ValidateState",
    "transform": "TransformState",
    "output": "OutputToS3",
}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "FILEGATE_LEDGER_TABLE": "ledger",
    "FILEGATE_STAGING_BUCKET": "staging",
    "FILEGATE_PROCESSED_BUCKET": "processed",
    "FILEGATE_QUARANTINE_BUCKET": "quarantine",
    "POWERTOOLS_METRICS_NAMESPACE": "Filegate",
}
PYTHON = "/var/lang/bin/python3.13"
NOWHERE = "http://127.0.0.1:1"
"""An AWS endpoint that nothing listens on."""

START_SECONDS = 120  # much, since emulation takes its time


def event(stage: str) -> dict[str, Any]:
    """What the state machine sends to the stage."""
    run = {
        "run_id": "r1",
        "execution": "e1",
        "request": {"bucket": "raw", "key": "flights/a.csv", "version_id": "v1"},
        "ingested": {"claim": "CLAIMED", "manifest": "runs/r1/chunks.json", "rows": 1, "bytes": 1, "chunks": 1},
        "transformed": {"rows_out": 1, "rows_deduplicated": 0, "bytes_out": 1, "parts": 1, "manifest": "o.json"},
    }
    return {"state": STATES[stage], "run": run}


def variables(**others: str) -> tuple[str, ...]:
    """Options of `docker run` that set a function's variables."""
    return tuple(word for name, value in (ENVIRONMENT | others).items() for word in ("--env", f"{name}={value}"))


def docker(*arguments: str, stdin: str = "") -> str:
    """The docker command's output. Its own message becomes the error's."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments[:3])} … failed: {done.stderr.strip()}")
    return done.stdout.strip()


class Function:
    """One execution environment: a container under the restrictions that Lambda sets."""

    def __init__(self, container: str) -> None:
        self.container = container
        self._url = ""

    def start(self) -> None:
        docker("start", self.container)
        address = docker("port", self.container, "8080/tcp").splitlines()[0]
        self._url = f"http://{address}/2015-03-31/functions/function/invocations"

    def call(self, payload: Mapping[str, Any]) -> Any:
        """What the function answers, or the error it reports; waits for its start."""
        status, body = self.post(payload)
        if status != HTTPStatus.OK:
            raise RuntimeError(f"HTTP {status}, {body!r}; the function wrote:\n{self.logs()}")
        return json.loads(body)

    def post(self, payload: Mapping[str, Any]) -> tuple[int, bytes]:
        """HTTP status and body that answer a call; waits for the container's start."""
        deadline = time.monotonic() + START_SECONDS
        request = urllib.request.Request(self._url, json.dumps(payload).encode())
        while True:
            try:
                with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read()
            except (ConnectionError, urllib.error.URLError) as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{error}; the function wrote:\n{self.logs()}") from error
                time.sleep(0.002)

    def logs(self) -> str:
        done = subprocess.run(["docker", "logs", self.container], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


@contextmanager
def function(
    image: str,
    *command: str,
    environment: Mapping[str, str] | None = None,
    network: str = "bridge",
    code: Path | None = None,
    platform: str | None = None,
) -> Iterator[Function]:
    """A function that is created but not started: read-only but for /tmp, and as another user than root.

    Args:
        image: the image to run.
        command: another handler than the image's own.
        environment: variables besides `ENVIRONMENT`.
        network: Docker's name of it.
        code: a folder to run instead of the image's own code.
        platform: another one than the engine's.
    """
    container = docker(
        *("create", "--read-only", "--volume", "/tmp", "--user", "993:990"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--network", network, "--publish", "127.0.0.1::8080"),
        *variables(**{"AWS_ENDPOINT_URL": NOWHERE, **(environment or {})}),
        *(("--volume", f"{code}:/var/task:ro") if code else ()),
        *(("--platform", platform) if platform else ()),
        image,
        *command,
    )
    try:
        yield Function(container)
    finally:
        docker("rm", "--force", "--volumes", container)
