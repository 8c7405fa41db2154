"""The dead-letter queue: look at its letters without losing or hiding them, replay them, discard them.

A letter is a message of the state machine: the document of a run that did not get through whole, and what failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from filegate.operations.pipeline import Pipeline
from filegate.operations.problems import WrongUse
from filegate.operations.queue import Message, Queue
from filegate.operations.runs import LEAST_PREFIX, short
from filegate.runs import Request, Run, RunRecord, Status, replay_id_of
from filegate.storage.ledger import Ledger

HOLD_SECONDS = 300
"""How long received letters stay hidden at most, should this process die before it shows them again."""


class NotReplayable(WrongUse):
    """The run of a letter cannot be replayed, as things stand."""


class Failure(BaseModel):
    """Why the run is in the queue: the status it ended with, the class of the error, its message."""

    status: Status
    type: str
    message: str


class _Body(Run):
    failure: Failure


@dataclass(frozen=True, eq=False)
class Letter:
    """One message.

    Attributes:
        message: as received.
        run: the run's document; None if the message is none of the state machine's.
        failure: why it is here; None as well then.
    """

    message: Message
    run: Run | None
    failure: Failure | None

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def sent_at(self) -> datetime:
        return self.message.sent_at

    def to_json(self) -> dict[str, Any]:
        """`message_id`, `sent_at`; of the run `run_id`, `dataset`, `object`, `status`, `error` (`type`, `message`)."""
        request = self.run.request if self.run else None
        return {
            "message_id": self.id,
            "sent_at": self.sent_at.isoformat(),
            "run_id": self.run.run_id if self.run else None,
            "dataset": request.dataset if request else None,
            "object": str(request.address) if request else None,
            "status": str(self.failure.status) if self.failure else None,
            "error": self.failure.model_dump(include={"type", "message"}) if self.failure else None,
        }


@dataclass
class Held:
    """The queue's letters while they are held: hidden from others until they are let go or deleted."""

    queue: Queue
    letters: list[Letter]

    def delete(self, letter: Letter) -> None:
        self.queue.delete(letter.message.receipt)
        self.letters.remove(letter)


@contextmanager
def held(queue: Queue) -> Iterator[Held]:
    """Holds all letters, the oldest first; those not deleted are visible to everybody again at the end."""
    messages: dict[str, Message] = {}
    try:
        while True:
            batch = queue.receive(HOLD_SECONDS)
            fresh = [message for message in batch if message.id not in messages]
            messages.update({message.id: message for message in batch})  # the newest receipt is the one that counts
            if not fresh:
                break
        letters = Held(queue, sorted(map(_letter, messages.values()), key=lambda letter: (letter.sent_at, letter.id)))
    except BaseException:
        queue.show(message.receipt for message in messages.values())
        raise
    try:
        yield letters
    finally:
        queue.show(letter.message.receipt for letter in letters.letters)


def listed(queue: Queue) -> list[Letter]:
    """All letters, the oldest first."""
    with held(queue) as holding:
        return list(holding.letters)


def select(letters: Sequence[Letter], wanted: str) -> list[Letter]:
    """The letters of the run, or the one letter, whose id starts with `wanted`.

    Raises:
        WrongUse: there is none, or the start belongs to several runs or messages.
    """
    start = wanted.lower()
    if len(start) < LEAST_PREFIX:
        raise WrongUse(f"{wanted!r} is too short.", advice=f"Give {LEAST_PREFIX} or more characters of the id.")
    of_runs = [letter for letter in letters if letter.run is not None and letter.run.run_id.startswith(start)]
    by_id = [letter for letter in letters if letter.id.lower().startswith(start)]
    if len({letter.run.run_id for letter in of_runs if letter.run}) == 1 and not set(by_id) - set(of_runs):
        return of_runs
    if len(by_id) == 1 and not of_runs:
        return by_id
    if of_runs or by_id:
        raise WrongUse(f"{wanted} fits several letters: {_named({*of_runs, *by_id})}.", advice="Give more of the id.")
    waiting = f"Waiting are {_named(letters)}." if letters else "The queue is empty."
    raise WrongUse(f"No letter in the dead-letter queue is {wanted}, or is about a run of that id.", advice=waiting)


@dataclass(frozen=True)
class Replay:
    """A run that takes the place of one in the queue.

    Attributes:
        run_id: the new run.
        replaces: the run whose letters were in the queue.
        request: what the new run does. Its `replay_of` is `replaces`, or, where that was itself a replay of
            quarantined rows that published nothing, the run whose rows these are.
    """

    run_id: str
    replaces: str
    request: Request


def by_run(letters: Iterable[Letter], *, dataset: str | None = None) -> list[list[Letter]]:
    """The letters that can be replayed, those of one run together; all, or a dataset's."""
    runs: dict[str, list[Letter]] = {}
    for letter in letters:
        if letter.run is not None and dataset in (None, letter.run.request.dataset):
            runs.setdefault(letter.run.run_id, []).append(letter)
    return list(runs.values())


def replay(
    holding: Held, letters: Sequence[Letter], *, ledger: Ledger, pipeline: Pipeline, all_rows: bool = False
) -> Replay:
    """Starts the run that replays the run of these letters, and then deletes them.

    May be repeated after a crash at any point: the same letters give the same run, started once.

    Args:
        holding: the held letters of the queue.
        letters: all that are about one run; its failure may have been told more than once.
        ledger: where the replay is noted.
        pipeline: what runs it.
        all_rows: read the whole object again, where by default only its quarantined rows would be.

    Raises:
        NotReplayable: the message is not one of the state machine's, or its run is not committed yet, or succeeded.
    """
    first = min(letters, key=lambda letter: letter.id)
    if first.run is None:
        raise NotReplayable(
            f"Message {first.id} was not written by the pipeline.", advice="Look at it with `filegate dlq show`."
        )
    run = first.run
    known = ledger.get(run.run_id)
    if known is not None and known.replayed_by is not None:  # done before, but for the letters' deletion
        plan = Replay(known.replayed_by, run.run_id, run.request)
    else:
        again = _whole(run) if all_rows else _again(run, _end(letters, known))
        plan = Replay(replay_id_of(run.run_id, first.id), run.run_id, again)
        pipeline.start(plan.run_id, {"run_id": plan.run_id, **plan.request.model_dump(mode="json")})
        ledger.replayed(run.run_id, by=plan.run_id)
    for letter in letters:
        holding.delete(letter)
    return plan


def _end(letters: Sequence[Letter], known: RunRecord | None) -> Status:
    """How the run ended: as the ledger says, where it knows; a letter may come before a restart that ends otherwise."""
    if known is not None and known.status != Status.RUNNING:
        return known.status
    told = [letter.failure.status for letter in letters if letter.failure is not None]
    return next((status for status in told if status != Status.PARTIAL), Status.RUNNING if known else Status.PARTIAL)


def _again(run: Run, end: Status) -> Request:
    """What the replay of a run that ended so has to do."""
    if end == Status.RUNNING:
        raise NotReplayable(
            f"Run {short(run.run_id)} ({run.request.key}) is not committed yet.",
            advice="Wait for its end. If its execution is over, replay it with --all-rows.",
        )
    if end == Status.SUCCEEDED:
        raise NotReplayable(
            f"Run {short(run.run_id)} ({run.request.key}) succeeded in the end: there is nothing to replay.",
            advice="Take its letter away with `filegate dlq discard`.",
        )
    if end == Status.PARTIAL:
        return run.request.model_copy(update={"replay_of": run.run_id, "replay_rows": "quarantined"})
    if run.request.replay_rows == "quarantined":
        return run.request  # it published nothing: the rows are still those of the run that it replays
    return _whole(run)


def _whole(run: Run) -> Request:
    return run.request.model_copy(update={"replay_of": run.run_id, "replay_rows": "all"})


def _letter(message: Message) -> Letter:
    try:
        body = _Body.model_validate_json(message.body)
    except ValidationError:
        return Letter(message, None, None)
    return Letter(message, body, body.failure)


def _named(letters: Iterable[Letter]) -> str:
    names = {
        f"{short(letter.run.run_id)} ({letter.run.request.key})" if letter.run else f"message {letter.id}"
        for letter in letters
    }
    return ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
