"""Container-image functions as local processes: which code a function runs, and how many run at once."""

from __future__ import annotations

import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filegate.devcloud.execution import ExecutionEnvironment, Launch, Outcome
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
            usable, stale = None, []
            while self._idle[name] and usable is None:
                candidate = self._idle[name].pop()
                if candidate.launch == launch and candidate.alive:
                    usable = candidate
                else:
                    stale.append(candidate)
                    self._live.discard(candidate)
            if usable is None:
                usable = ExecutionEnvironment(launch)
                self._live.add(usable)
        for environment in stale:
            environment.close()
        return usable

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
            variables=tuple(sorted(variables.items())),
            timeout=float(configuration["Timeout"]),
        )
