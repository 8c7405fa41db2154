"""One execution environment: a container of the function's image, and what it prints."""

from __future__ import annotations

import logging
import socket
import threading
import time
from dataclasses import dataclass, field

import requests
from docker.errors import APIError, DockerException

from filegate.devcloud.runtime_api import Kind, Result, exited, not_started, timed_out
from lambda_images import engine
from lambda_images.answers import result_of
from lambda_images.container import Spec

LOG = logging.getLogger(__name__)

_PORT = 8080
_INVOKE = "/2015-03-31/functions/function/invocations"
_INIT_SECONDS = 10  # what an emulator may take on top of the time-out to start the runtime
_GRACE_SECONDS = 5  # for an emulator that is itself slow, at a small share of a processor
_POLL_SECONDS = 0.02
_OOM_EVENT_SECONDS = 0.3  # the engine reports a kill a little after it
_LOG_SECONDS = 1.0  # the log's last lines come a little after the answer


class NotStarted(Exception):
    """The container ended before it listened; `payload` is Lambda's error document."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


@dataclass
class _Log:
    """What the container printed since it was last asked."""

    text: bytes = b""
    ended: bool = False
    more: threading.Condition = field(default_factory=threading.Condition)

    def add(self, text: bytes) -> None:
        with self.more:
            self.text += text
            self.more.notify_all()

    def end(self) -> None:
        with self.more:
            self.ended = True
            self.more.notify_all()

    def take(self, until: bytes, seconds: float) -> str:
        with self.more:
            self.more.wait_for(lambda: until in self.text or self.ended, seconds)
            taken, self.text = self.text, b""
        return taken.decode(errors="replace")


class Sandbox:
    """A container that takes one call at a time.

    Attributes:
        image_id: of the image it was made from.
        address: its IP address.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._network = engine.host().network
        self._born = int(time.time())
        self._log = _Log()
        self._container = engine.client().containers.create(**spec.options(engine.host()))
        self.image_id: str = self._container.attrs["Image"]
        self.address = ""

    @property
    def usable(self) -> bool:
        """Whether it runs, from the image that now has its name: a rebuilt one serves the next call."""
        return not self._log.ended and self.image_id == engine.image_id(self._spec.image)

    def start(self) -> None:
        """Start the container and wait until its emulator listens.

        Raises:
            NotStarted: it ended instead, was removed meanwhile, or its entry point cannot be run.
        """
        try:
            self._container.start()
        except APIError as error:
            raise NotStarted(not_started(str(error.explanation))) from error
        threading.Thread(target=self._follow, name=f"log-{self._spec.name}", daemon=True).start()
        while True:
            try:
                self._container.reload()
            except DockerException as error:
                raise NotStarted(not_started("The container was removed while it started.")) from error
            state = self._container.attrs["State"]
            if state["Status"] != "running":
                LOG.warning("%s did not start:\n%s", self._spec.name, self.take_log(seconds=0.2))
                raise NotStarted(exited("", f"exit status {state['ExitCode']}"))
            self.address = self._container.attrs["NetworkSettings"]["Networks"][self._network]["IPAddress"]
            try:
                socket.create_connection((self.address, _PORT), timeout=1).close()
            except OSError:
                time.sleep(_POLL_SECONDS)
            else:
                return

    def invoke(self, payload: bytes, *, request_id: str, trace_id: str) -> Result:
        """Run one call to its end."""
        timeout = self._spec.timeout
        try:
            answer = requests.post(
                f"http://{self.address}:{_PORT}{_INVOKE}",
                data=payload,
                headers={"X-Amzn-Trace-Id": trace_id},
                timeout=(_GRACE_SECONDS, timeout + _INIT_SECONDS + _GRACE_SECONDS),
                proxies={"http": "", "https": ""},
            )
        except requests.ReadTimeout:  # the emulator itself is stuck, as under a memory limit that leaves it no page
            return Result(Kind.TIMEOUT, timed_out(request_id, timeout))
        except requests.RequestException as error:
            LOG.warning("%s: %s", self._spec.name, error)
            status, body = 502, b""
        else:
            status, body = answer.status_code, answer.content
        return result_of(
            status, body, request_id=request_id, timeout=timeout, ran_out_of_memory=self._ran_out_of_memory
        )

    def take_log(self, until: str = "REPORT RequestId", seconds: float = _LOG_SECONDS) -> str:
        """What it printed since the last time; waits for the line that ends a call's log."""
        return self._log.take(until.encode(), seconds)

    def remove(self) -> None:
        engine.remove(self._container)

    def _follow(self) -> None:
        try:
            for piece in self._container.logs(stream=True, follow=True):
                self._log.add(piece)
        except (DockerException, requests.RequestException) as error:  # the container was removed
            LOG.debug("log of %s: %s", self._spec.name, error)
        finally:
            self._log.end()

    def _ran_out_of_memory(self) -> bool:
        """Asks the engine's events: `State.OOMKilled` stays false when only a child of the emulator was killed."""
        events = engine.client().events(
            since=self._born,
            until=f"{time.time() + _OOM_EVENT_SECONDS:.3f}",
            decode=True,
            filters={"container": self._container.id, "event": "oom"},
        )
        return any(True for _ in events)
