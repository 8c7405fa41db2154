"""Tasks that take turns on a clock of their own: chance decides which of those that are due goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Generic, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

T = TypeVar("T")
BEGIN = datetime(2026, 1, 31, 10, tzinfo=UTC)


class Task(Generic[T]):
    """Something that goes on beside others, until it returns, raises, or is killed."""

    def __init__(self, scheduler: Scheduler, work: Callable[[], T]) -> None:
        self._scheduler = scheduler
        self._work = work
        self._greenlet = greenlet(self._run, scheduler.hub)
        self.over = False
        self._result: T
        self._error: BaseException | None = None

    def resume(self) -> None:
        self._greenlet.switch()

    def kill(self) -> None:
        """Ends it where it stands; what it has done so far stays done."""
        if not self.over:
            self.over = True
            self._scheduler.forget(self)
            self._error = GreenletExit()

    @property
    def failed(self) -> bool:
        return self._error is not None

    def result(self) -> T:
        """What it returned, or raises what it raised; waits until it is over."""
        while not self.over:
            self._scheduler.pause(1.0)
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        self.over = True


@dataclass
class Scheduler:
    """One thread for all tasks, so that the same seed gives the same world."""

    chance: Random
    seconds: float = 0.0
    hub: greenlet = field(default_factory=getcurrent)
    _due: dict[Task[Any], float] = field(default_factory=dict)
    _current: Task[Any] | None = None

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)

    def spawn(self, work: Callable[[], T], *, after: float = 0.0) -> Task[T]:
        task = Task(self, work)
        self._due[task] = self.seconds + after
        return task

    def forget(self, task: Task[Any]) -> None:
        self._due.pop(task, None)

    def pause(self, seconds: float = 0.0) -> None:
        """The present task waits, and others go on."""
        task = self._current
        assert task is not None, "only a task can wait"
        if task.over:  # killed by itself
            raise GreenletExit
        self._due[task] = self.seconds + seconds
        self.hub.switch()

    def run(self) -> None:
        """Goes on until no task is left."""
        while self._due:
            self.seconds = max(self.seconds, min(self._due.values()))
            ready = [task for task, at in self._due.items() if at <= self.seconds]
            self._current = self.chance.choice(ready)
            del self._due[self._current]
            self._current.resume()
        self._current = None
