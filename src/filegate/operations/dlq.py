"""The dead-letter queue: read its messages without losing or hiding them, replay their runs, discard them.

A message is the document of a run that did not get through whole, and what failed. The state machine writes it; where
an execution was aborted or ran out of time, a rule of EventBridge does, which knows no more than the execution's input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from filegate.errors import WrongUse
from filegate.operations.artefacts import cut_short
from filegate.operations.find import MIN_PREFIX, listed
from filegate.operations.ports import Queue, Received, StateMachine
from filegate.pipeline.replay import NotReplayable, replay_request
from filegate.runs.record import RunRecord
from filegate.runs.run import Failure, Request, replay_id_of, run_id_of, short
from filegate.runs.states import Status
from filegate.storage.ledger import Ledger
from filegate.storage.objects import ObjectStore

LEASE_SECONDS = 300
"""How long received messages stay hidden from others if this process dies before it returns them."""


class _Body(BaseModel):
    run_id: str | None = None
    execution: str | None = None
    request: Request | None = None
    input: str | None = None
    failure: Failure
    error: Any = None


class _Input(Request):
    run_id: str | None = None


@dataclass(frozen=True, eq=False)
class Message:
    """One message of the queue: as it was received, and what it says, as far as it does.

    Attributes:
        execution: the ARN of the run's execution.
        request: what the run was to do.
        failure: why it is here; None if the pipeline did not write the message.
        trace: the stack trace of a function that failed, if that is why.
    """

    received: Received
    run_id: str | None = None
    execution: str | None = None
    request: Request | None = None
    failure: Failure | None = None
    trace: str | None = None

    @property
    def id(self) -> str:
        return self.received.id

    @property
    def sent_at(self) -> datetime:
        return self.received.sent_at

    @property
    def body(self) -> Any:
        """Its content: of a message of the pipeline, a dict."""
        try:
            return json.loads(self.received.body)
        except ValueError:
            return self.received.body

    @property
    def dataset(self) -> str | None:
        return self.request.dataset if self.request else None

    @property
    def about(self) -> str:
        """What it is about, for people: an object's key, or else an execution, or else just this message."""
        if self.request is not None:
            return self.request.key
        if self.failure is not None and self.execution is not None:
            return f"execution {self.execution.rpartition(':')[2]}"
        return f"message {self.id}"

    @property
    def reason(self) -> str:
        """Why it is here, for people: the error's class and message."""
        if self.failure is None:
            return "not written by the pipeline"
        return f"{self.failure.type}: {self.problem}"

    @property
    def problem(self) -> str:
        """The error's message without the object's address; empty if the pipeline did not write this."""
        problem = "" if self.failure is None else self.failure.message
        return problem.removeprefix(f"{self.request.address}: ") if self.request else problem

    def to_json(self) -> dict[str, Any]:
        """`message_id`, `sent_at`, `run_id`, `execution`, `dataset`, `object`, `status`, `error`: `type`, `message`."""
        return {
            "message_id": self.id,
            "sent_at": self.sent_at.isoformat(),
            "run_id": self.run_id,
            "execution": self.execution,
            "dataset": self.dataset,
            "object": str(self.request.address) if self.request else None,
            "status": str(self.failure.status) if self.failure else None,
            "error": self.failure.model_dump(include={"type", "message"}) if self.failure else None,
        }


@dataclass
class LeasedMessages:
    """The messages of a queue while others do not see them, by id; those not deleted are returned to the queue."""

    queue: Queue
    received: dict[str, Received] = field(default_factory=dict)

    @property
    def messages(self) -> list[Message]:
        """What is there, the oldest first."""
        return sorted(map(_message, self.received.values()), key=lambda message: (message.sent_at, message.id))

    def delete(self, message: Message) -> None:
        self.queue.delete(message.received.receipt)
        del self.received[message.id]


@contextmanager
def leased(queue: Queue) -> Iterator[LeasedMessages]:
    """Leases all messages; those not deleted are visible to everybody again after the block."""
    lease = LeasedMessages(queue)
    try:
        fresh = True
        while fresh:
            batch = queue.receive(LEASE_SECONDS)
            fresh = any(received.id not in lease.received for received in batch)
            lease.received |= {received.id: received for received in batch}  # the newest receipt is the one that counts
        yield lease
    finally:
        queue.show(received.receipt for received in lease.received.values())


def list_messages(queue: Queue) -> list[Message]:
    """All messages, the oldest first."""
    with leased(queue) as lease:
        return lease.messages


def select(messages: Sequence[Message], wanted: str) -> list[Message]:
    """The messages about the run, or the one message, whose id starts with `wanted`.

    Raises:
        WrongUse: there is none, or the start belongs to several runs or messages.
    """
    start = wanted.lower()
    if len(start) < MIN_PREFIX:
        raise WrongUse(f"{wanted!r} is too short.", advice=f"Give {MIN_PREFIX} or more characters of the id.")
    of_runs = [message for message in messages if message.run_id is not None and message.run_id.startswith(start)]
    by_id = [message for message in messages if message.id.lower().startswith(start)]
    if len({message.run_id for message in of_runs}) == 1 and not set(by_id) - set(of_runs):
        return of_runs
    if len(by_id) == 1 and not of_runs:
        return by_id
    if of_runs or by_id:
        raise WrongUse(f"{wanted} fits several messages: {_named({*of_runs, *by_id})}.", advice="Give more of the id.")
    waiting = f"Waiting are {_named(messages)}." if messages else "The queue is empty."
    raise WrongUse(f"No message in the dead-letter queue is {wanted}, or is about a run of that id.", advice=waiting)


@dataclass(frozen=True)
class Replay:
    """The new run `run_id`, which does what `request` says in place of `replaces`, whose messages were in the queue."""

    run_id: str
    replaces: str
    request: Request


def by_run(messages: Iterable[Message], *, dataset: str | None = None) -> list[list[Message]]:
    """The messages that name a run, those about one run together; all, or a dataset's."""
    runs: dict[str, list[Message]] = {}
    for message in messages:
        if message.run_id is not None and message.request is not None and dataset in (None, message.dataset):
            runs.setdefault(message.run_id, []).append(message)
    return list(runs.values())


def replay(
    lease: LeasedMessages,
    messages: Sequence[Message],
    ledger: Ledger,
    store: ObjectStore,
    state_machine: StateMachine,
    *,
    all_rows: bool = False,
) -> Replay:
    """Starts the run that replays the run of these messages, and then deletes them.

    May be repeated after a crash at any point: the same messages give the same run, started once.

    Args:
        lease: of the queue.
        messages: all that are about one run; its failure may have been reported more than once.
        ledger: where the replay is recorded.
        store: shows whether the run's output is there.
        state_machine: runs the replay.
        all_rows: read the whole object again, where by default only its quarantined rows would be.

    Raises:
        NotReplayable: the messages name no run, or theirs is not committed yet, or succeeded, or is superseded.
    """
    first = min(messages, key=lambda message: (message.request is None, message.id))
    run_id, request = first.run_id, first.request
    if run_id is None or request is None:
        raise NotReplayable(
            f"Message {first.id} has no run id.",
            advice="See it with `filegate dlq show`. A file that is delivered again has a run of its own.",
        )
    known = ledger.get(run_id)
    if known is not None and known.replayed_by is not None:  # done before, but for the messages' deletion
        plan = Replay(known.replayed_by, run_id, request)
    else:
        whole = all_rows or (known is not None and cut_short(known, store))
        end = _end([message.failure for message in messages if message.failure is not None], known)
        todo = replay_request(run_id, request, end, known, whole_object=whole)
        plan = Replay(replay_id_of(run_id, first.id), run_id, todo)
        state_machine.start(plan.run_id, {"run_id": plan.run_id, **todo.model_dump(mode="json")})
        ledger.mark_replayed(run_id, by=plan.run_id)
    for message in messages:
        lease.delete(message)
    return plan


def _end(failures: Sequence[Failure], known: RunRecord | None) -> Status:
    """How the run ended: by the ledger if it knows; a message may precede a restart with another end."""
    if known is not None and known.status != Status.RUNNING:
        return known.status
    ends = [failure.status for failure in failures if failure.status != Status.PARTIAL]
    return next(iter(ends), Status.RUNNING if known else Status.PARTIAL)


def _message(received: Received) -> Message:
    try:
        body = _Body.model_validate_json(received.body)
    except ValidationError:
        return Message(received)
    run_id, request = body.run_id, body.request
    if request is None and body.input is not None:
        with suppress(ValidationError):
            given = _Input.model_validate_json(body.input)
            run_id = given.run_id or run_id_of(given.bucket, given.key, given.version_id)
            request = Request(**given.model_dump(exclude={"run_id"}))
    trace = _trace(body.error) if body.failure.status == Status.FAILED else None  # else the object is at fault
    return Message(received, run_id, body.execution, request, body.failure, trace)


def _trace(error: Any) -> str | None:
    """The frames in the cause that Lambda gives, if there are any."""
    try:
        frames = json.loads(error["Cause"])["stackTrace"]
        return "".join(frames).rstrip() or None
    except (KeyError, TypeError, ValueError):
        return None


def _named(messages: Iterable[Message]) -> str:
    names = {f"{short(message.run_id)} ({message.about})" if message.run_id else message.about for message in messages}
    return listed(sorted(names))
