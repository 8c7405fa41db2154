"""Errors, sorted by what the pipeline must do about them.

The class of an error decides its route: the state machine names these classes in its ``Retry`` and ``Catch`` blocks,
and a test holds the two lists together.

- `TransientError`: the same call may succeed later; retried after 2, 4 and 8 seconds.
- `PermanentError`: the object itself is at fault; straight to the dead-letter queue, without a retry.
- anything else: a defect or a lost race; the error handler restarts the run, three times at most.
"""

from __future__ import annotations

MAX_MESSAGE = 2_000


class FilegateError(Exception):
    """Base of every error Filegate raises on purpose.

    `str(error)` is one message for a person: what was wrong, where, and, after it, what to do next.
    """

    def __init__(self, problem: str, *, advice: str | None = None) -> None:
        self.problem = _presentable(problem)
        self.advice = advice
        super().__init__(self.problem if advice is None else f"{self.problem} {advice}")


def _presentable(text: str) -> str:
    """The text on one screen and without control characters: it goes into alerts, and keys and names come from outside.

    Step Functions cuts a cause at 32,768 characters, and what is cut is JSON no more.
    """
    shown = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return shown if len(shown) <= MAX_MESSAGE else f"{shown[:MAX_MESSAGE]} … ({len(shown):,} characters)"


class TransientError(FilegateError):
    """The environment is at fault for the moment."""


class Throttled(TransientError):
    """An AWS service asked for fewer calls a second."""


class Unreachable(TransientError):
    """An AWS service could not be reached, timed out, or failed on its own side."""


class PermanentError(FilegateError):
    """The object is at fault: the same bytes will fail again."""


class UnknownDataset(PermanentError):
    """No dataset is declared for the object's key."""


class EmptyObject(PermanentError):
    """The object holds no data rows."""


class SchemaMismatch(PermanentError):
    """The object's columns are not those of the contract."""


class MalformedObject(PermanentError):
    """The object cannot be read as its dataset's format: truncated, corrupt, or another format altogether."""


class ObjectTooLarge(PermanentError):
    """The object is larger, once decompressed, than the pipeline agrees to read."""


class ObjectGone(PermanentError):
    """The object's version was deleted before it could be read."""


class TransformFailed(PermanentError):
    """The dataset's own transform raised, or returned something else than its rows."""


class CheckFailed(PermanentError):
    """A check of the dataset's own contract raised instead of answering."""


class ConservationError(FilegateError):
    """Rows or bytes were lost or invented between two hand-overs: a defect; nothing is published."""


class ClaimLost(FilegateError):
    """Another execution took this run over; this one must not write any more."""


class OutOfTime(FilegateError):
    """An attempt stops itself, before the state machine gives it up and begins another one beside it."""


class UnknownFormat(FilegateError):
    """A manifest, or an item of the ledger, was written by a newer release."""


class AccessDenied(FilegateError):
    """AWS refused a call, since some policy does not allow it."""


class DeclarationError(FilegateError):
    """A dataset is declared wrongly. Found at load, before anything runs."""


class WrongUse(FilegateError):
    """What was asked for does not exist or is not clear: an unknown dataset, a missing file, an ambiguous run."""


class NoCloud(FilegateError):
    """There is no cloud to talk to, or it does not let this user in."""
