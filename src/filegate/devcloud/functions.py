"""Container-image functions as local processes: which code a function runs, where, and how many run at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filegate.devcloud.runtime_api import Call, RuntimeProcess
from filegate.errors import FilegateError

# The only variables of the host that a function's process sees: a profile, a region or a proxy that the user has set
# for the real AWS must not reach it.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_SOURCES = Path(__file__).resolve().parents[2]


class UnknownImage(FilegateError):
    """A function's image URI does not name a stage that has code under `images/`."""


def stage_of(image_uri: str) -> str:
    """The stage whose image this is: "ingest" for `…/filegate/ingest:tag`, `filegate-ingest@sha256:…` and the like."""
    repository = image_uri.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return repository.rpartition("-")[2]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a function's process; two equal launches can share environments.

    Attributes:
        handler: `module.function`, imported from `directory`.
        directory: the process's working directory, where the image has its task root.
        variables: the whole of the process's environment.
        timeout: seconds that one call may take.
    """

    handler: str
    directory: Path
    variables: Mapping[str, str]
    timeout: float


@dataclass(frozen=True)
class Outcome:
    """How one call ended.

    Attributes:
        answer: the handler's JSON value, or Lambda's error document (errorType, errorMessage, ...).
        failed: whether `answer` is an error document.
        log: what the process wrote to stdout and stderr meanwhile.
    """

    answer: Any
    failed: bool
    log: str


class ExecutionEnvironment:
    """A function's process, started at once and used by one call at a time."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the process
        self._read = 0  # bytes of the log
        self._reading = threading.Lock()
        self._runtime = RuntimeProcess(
            [sys.executable, "-m", "filegate.devcloud.child", launch.handler],
            variables=launch.variables,
            timeout=launch.timeout,
            cwd=launch.directory,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def pid(self) -> int:
        return self._runtime.pid

    @property
    def alive(self) -> bool:
        return self._runtime.alive

    def invoke(self, event: Any, *, request_id: str, function_arn: str) -> Outcome:
        """Run one call to its end; `event` is any JSON value.

        A call that fails outside of the handler leaves the environment dead.
        """
        headers = {"Lambda-Runtime-Trace-Id": _trace_id()}
        call = Call(
            request_id=request_id, function_arn=function_arn, payload=json.dumps(event).encode(), headers=headers
        )
        result = self._runtime.invoke(call)
        try:
            answer = json.loads(result.body)
        except ValueError:
            answer = result.body.decode(errors="replace")  # a handler may return bytes, which Lambda passes on
        log = self._take_log()
        if not result.reusable:
            self.close()
        return Outcome(answer, result.failed, log)

    def close(self) -> None:
        """End the process and its Runtime API. Safe to call twice, and from any thread."""
        self._runtime.close()
        with self._reading:
            self._log.close()

    def _take_log(self) -> str:
        """What the process wrote since the last call: it writes its lines before it posts a result."""
        with self._reading:
            if self._log.closed:
                return ""
            size = os.fstat(self._log.fileno()).st_size
            taken = os.pread(self._log.fileno(), size - self._read, self._read)
            self._read += len(taken)
            return taken.decode(errors="replace")


def _trace_id() -> str:
    random = uuid.uuid4().hex
    return f"Root=1-{int(time.time()):08x}-{random[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"


class Functions:
    """The running functions of one embedded cloud.

    Args:
        images: the directory that holds one directory a stage, with its `handler.py`.
        variables: environment variables given to every function, over those of its own configuration.
        credentials: the variables under which a function acts as its role, by the role and the function's name.
        concurrency: calls that may run at the same time, over all functions; the others wait for their turn, and
            their time-outs with them. A function that calls another and waits for it holds its turn meanwhile.
    """

    def __init__(
        self,
        *,
        images: Path,
        variables: Mapping[str, str],
        credentials: Callable[[str, str], Mapping[str, str]],
        concurrency: int,
    ) -> None:
        self._images = images
        self._variables = variables
        self._credentials = credentials
        self._turns = threading.BoundedSemaphore(concurrency)
        self._lock = threading.Lock()
        self._idle: dict[str, list[ExecutionEnvironment]] = defaultdict(list)  # by function, last used last
        self._live: set[ExecutionEnvironment] = set()
        self._stopped = False

    def invoke(self, configuration: Mapping[str, Any], event: Any, request_id: str) -> Outcome:
        """Run one call of the function with this Lambda configuration, in a warm environment if there is one.

        Raises:
            UnknownImage: its `ImageUri` does not name a stage under `images`.
        """
        launch = self._launch(configuration)
        with self._turns:
            environment = self._acquire(configuration["FunctionName"], launch)
            try:
                return environment.invoke(event, request_id=request_id, function_arn=configuration["FunctionArn"])
            finally:
                self._release(configuration["FunctionName"], environment)

    def stop(self) -> None:
        """End every process; calls that still run fail as if their function had crashed."""
        with self._lock:
            self._stopped = True
            live = list(self._live)
        for environment in live:
            environment.close()

    def _acquire(self, name: str, launch: Launch) -> ExecutionEnvironment:
        with self._lock:
            if self._stopped:
                raise FilegateError(f"The embedded cloud has stopped: {name} cannot be invoked any more.")
            idle = self._idle[name]
            fitting = [environment for environment in idle if environment.launch == launch and environment.alive]
            stale = set(idle).difference(fitting)
            used = fitting.pop() if fitting else ExecutionEnvironment(launch)
            self._idle[name] = fitting
            self._live = (self._live - stale) | {used}
        for environment in stale:
            environment.close()
        return used

    def _release(self, name: str, environment: ExecutionEnvironment) -> None:
        with self._lock:
            if environment.alive:
                self._idle[name].append(environment)
            else:
                self._live.discard(environment)

    def _launch(self, configuration: Mapping[str, Any]) -> Launch:
        directory = self._images / stage_of(configuration["ImageUri"])
        if not (directory / "handler.py").is_file():
            stages = sorted(path.parent.name for path in self._images.glob("*/handler.py"))
            raise UnknownImage(
                f"Function {configuration['FunctionName']} has the image {configuration['ImageUri']!r}, "
                f"but there is no {directory / 'handler.py'}.",
                advice=f"End its repository's name with one of {stages}.",
            )
        image = configuration.get("ImageConfigResponse", {}).get("ImageConfig", {})
        name = configuration["FunctionName"]
        variables = {
            **{key: os.environ[key] for key in _INHERITED if key in os.environ},
            **configuration.get("Environment", {}).get("Variables", {}),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": configuration.get("Version", "$LATEST"),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "LAMBDA_TASK_ROOT": str(directory),
            "PYTHONPATH": str(_SOURCES),
            **self._variables,
            **self._credentials(configuration["Role"], name),
        }
        return Launch(
            handler=(image.get("Command") or ["handler.handle"])[0],
            directory=directory,
            variables=variables,
            timeout=float(configuration["Timeout"]),
        )
