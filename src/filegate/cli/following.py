"""Deliver files and follow runs, with their progress shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filegate.cli.progress import RunLine, RunLines, watched
from filegate.cli.shared import Session
from filegate.operations.deliver import deliver
from filegate.operations.follow import Follower, RunStalled
from filegate.runs.record import RunRecord

if TYPE_CHECKING:
    from filegate.operations.cloud import Cloud


@dataclass(frozen=True)
class Followed:
    """Runs as they were last seen, in the order they were started in.

    Attributes:
        runs: those that appeared in the ledger; all have ended unless `stalled`.
        files: the local file of each run that was delivered from one, by run id.
        stalled: why they were followed no longer.
    """

    runs: tuple[RunRecord, ...]
    files: Mapping[str, Path]
    stalled: RunStalled | None = None


def deliver_all(session: Session, cloud: Cloud, files: Sequence[tuple[Path, str]]) -> Followed:
    """Delivers files, each to its dataset, and follows their runs to the end."""
    follower = Follower(cloud.ledger, cloud.store)
    latest: dict[str, RunRecord | None] = {}
    local: dict[str, Path] = {}
    with watched(session.err, quiet=bool(session.as_json)) as lines:
        of_files = [lines.add(file.name, file.stat().st_size) for file, _ in files]
        for (file, dataset), line in zip(files, of_files, strict=True):
            delivery = deliver(
                file, dataset, bucket=cloud.outputs.raw_bucket, upload=cloud.upload, on_sent=partial(_sent, line)
            )
            lines.delivered(line, delivery.run_id)
            follower.add(delivery.run_id, file.name)
            latest[delivery.run_id], local[delivery.run_id] = None, file
            _note(follower.poll(), latest, lines)
        return _followed(follower, latest, local, lines)


def follow_all(session: Session, cloud: Cloud, runs: Sequence[tuple[str, str]]) -> Followed:
    """Follows runs, given by id and name, to their end."""
    follower = Follower(cloud.ledger, cloud.store)
    with watched(session.err, quiet=bool(session.as_json)) as lines:
        for run_id, name in runs:
            lines.delivered(lines.add(name), run_id)
            follower.add(run_id, name)
        return _followed(follower, {run_id: None for run_id, _ in runs}, {}, lines)


def _followed(
    follower: Follower, latest: dict[str, RunRecord | None], files: Mapping[str, Path], lines: RunLines
) -> Followed:
    stalled = None
    try:
        for run in follower.changes():
            _note([run], latest, lines)
    except RunStalled as error:
        stalled = error
    return Followed(tuple(run for run in latest.values() if run is not None), files, stalled)


def _note(changed: Iterable[RunRecord], latest: dict[str, RunRecord | None], lines: RunLines) -> None:
    for run in changed:
        latest[run.run_id] = run
        lines.update(run)


def _sent(line: RunLine, count: int) -> None:
    line.sent += count
