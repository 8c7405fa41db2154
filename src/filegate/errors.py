"""Errors, by what the pipeline does about them.

The class of an error decides its route: the state machine names these classes in its ``Retry`` and ``Catch`` blocks,
and a test compares the two.

- `TransientError`: the same call may succeed later; retried after 2, 4 and 8 seconds.
- `PermanentError`: the object itself is invalid; sent to the dead-letter queue without a retry.
- anything else: a defect or a lost race; the error handler restarts the run up to three times.
"""

from __future__ import annotations

MAX_MESSAGE = 2_000


class FilegateError(Exception):
    """Base of all errors that Filegate raises itself.

    `str(error)` is a message for a person: what is wrong, where, and what to do next.
    """

    def __init__(self, problem: str, *, advice: str | None = None) -> None:
        self.problem = _presentable(problem)
        self.advice = advice
        super().__init__(self.problem if advice is None else f"{self.problem} {advice}")


def _presentable(text: str) -> str:
    """Escape control characters and limit the length: alerts show it, and object keys come from outside.

    Step Functions truncates a cause at 32,768 characters, which breaks its JSON.
    """
    shown = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return shown if len(shown) <= MAX_MESSAGE else f"{shown[:MAX_MESSAGE]} … ({len(shown):,} characters)"


class TransientError(FilegateError):
    """A temporary failure of the environment: the same call may succeed later."""


class Throttled(TransientError):
    """An AWS service throttled a call."""


class Unreachable(TransientError):
    """An AWS service could not be reached, timed out, or failed on its own side."""


class PermanentError(FilegateError):
    """The object is invalid: the same bytes would fail again."""


class UnknownDataset(PermanentError):
    """No dataset is declared for the object's key."""


class EmptyObject(PermanentError):
    """The object holds no data rows."""


class SchemaMismatch(PermanentError):
    """The object's columns are not those of the contract."""


class MalformedObject(PermanentError):
    """The object cannot be read in its dataset's format: truncated, corrupt, or in another format."""


class ObjectTooLarge(PermanentError):
    """The object, once decompressed, exceeds the size that the pipeline reads."""


class ObjectGone(PermanentError):
    """The object's version was deleted before it could be read."""


class TransformFailed(PermanentError):
    """The dataset's transform raised an error, or did not return a frame of its rows."""


class CheckFailed(PermanentError):
    """A check of the dataset's contract raised an error."""


class ConservationError(FilegateError):
    """Counts of rows or bytes do not add up between two stages: a defect; nothing is published."""


class ClaimLost(FilegateError):
    """Another execution took over this run; this one must not write any more."""


class OutOfTime(FilegateError):
    """An attempt stops before its timeout, so that it never runs beside the state machine's next attempt."""


class UnknownFormat(FilegateError):
    """A manifest, or an item of the ledger, was written by a newer release."""


class AccessDenied(FilegateError):
    """AWS refused a call because of a policy."""


class DeclarationError(FilegateError):
    """A dataset's declaration is invalid. Raised when it is loaded, before anything runs."""


class WrongUse(FilegateError):
    """The request is invalid: an unknown dataset, a missing file, an ambiguous run id."""


class NoCloud(FilegateError):
    """No cloud is reachable, or it refuses the user's credentials."""
