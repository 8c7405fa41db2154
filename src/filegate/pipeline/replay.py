"""What is replayed of a run: decided from how it ended when the replay is asked for, and from its dataset at ingest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filegate.errors import WrongUse
from filegate.runs.record import RunRecord
from filegate.runs.run import Request, short
from filegate.runs.states import Status

if TYPE_CHECKING:  # brings polars, which an operator's command does without
    from filegate.dataset.declaration import Declaration


class NotReplayable(WrongUse):
    """The run cannot be replayed, as things stand."""


def replay_request(
    run_id: str, request: Request, end: Status, known: RunRecord | None = None, *, whole_object: bool = False
) -> Request:
    """What the replay of a run has to do.

    - the whole object, where that is wanted, or the run published nothing of it;
    - of a PARTIAL run, its quarantined rows;
    - of a replay of quarantined rows that published nothing, the same rows once more: they are still those of the run
      that it replays.

    Args:
        run_id: the run to be replayed.
        request: what it had to do.
        end: how it ended; RUNNING if that is not known yet.
        known: the run as the ledger has it; None if it expired.
        whole_object: read the whole object however the run ended.

    Raises:
        NotReplayable: the run is not committed yet, or succeeded, or is superseded.
    """
    all_rows = request.model_copy(update={"replay_of": run_id, "replay_rows": "all"})
    if whole_object:
        return all_rows
    run = f"Run {short(run_id)} ({request.key})"
    discard = "Remove its message with `filegate dlq discard`."
    if end == Status.RUNNING:
        raise NotReplayable(
            f"{run} is not committed yet.",
            advice="Wait for its end. If its execution is over, replay it with --all-rows.",
        )
    if end == Status.SUCCEEDED:
        raise NotReplayable(f"{run} succeeded in the end: there is nothing to replay.", advice=discard)
    if known is not None and known.superseded_by is not None:
        by = short(known.superseded_by)
        raise NotReplayable(f"{run} is superseded by run {by}: its rows would not be published.", advice=discard)
    if end == Status.PARTIAL:
        return all_rows.model_copy(update={"replay_rows": "quarantined"})
    return request if request.replay_rows == "quarantined" else all_rows


def request_for(dataset: Declaration, request: Request) -> Request:
    """The request as ingest carries it out: some datasets cannot be completed by a few rows, but only done again."""
    if request.replay_rows == "quarantined" and dataset.needs_whole_object:
        return request.model_copy(update={"replay_rows": "all"})
    return request
