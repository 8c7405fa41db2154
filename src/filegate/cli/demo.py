"""`filegate demo`: the whole pipeline on sample files, in under a minute."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from filegate import operations
from filegate.cli import tables, text
from filegate.cli.connection import dataset_names, embedded
from filegate.cli.following import deliver_all
from filegate.cli.rejected import reasons, record
from filegate.cli.shared import Session, command
from filegate.errors import WrongUse
from filegate.operations.deliver import with_datasets
from filegate.operations.dlq import Message, list_messages
from filegate.operations.result import result, rules
from filegate.runs.record import RunRecord

if TYPE_CHECKING:
    from filegate.operations.alerts import Alert
    from filegate.operations.cloud import Cloud
    from filegate.operations.quarantine import RejectedRow

app = typer.Typer(add_completion=False)

WIDTH = 110
SHOWN_ROWS = 3
TWO_LINES = 190  # characters


@command(app)
def demo(session: Session) -> None:
    """Run sample files through the whole pipeline on this machine. Nothing is left behind.

    The samples are in datasets/samples/; one of them is bad on purpose.
    """
    folder = session.datasets_folder()
    samples = _samples(folder, dataset_names(session))
    with embedded(session, folder) as (cloud, _):
        with operations.alerts.capture(cloud.session, cloud.outputs.alerts_topic_arn) as capture:
            followed = deliver_all(session, cloud, samples)
            with session.waiting("Listening for the alert …"):
                alerts = capture.received()
        if followed.stalled is not None:
            raise followed.stalled
        rejected = list(_rejected(cloud, followed.runs))
        with session.waiting("Looking into the dead-letter queue …"):
            messages = list_messages(cloud.dlq)
        runs = followed.runs
        if session.as_json:
            session.write(
                {
                    "runs": [result(run, cloud.store) for run in runs],
                    "rejected": [{"object": key, **row.to_json()} for key, row in rejected],
                    "messages": [message.to_json() for message in messages],
                    "alerts": [vars(alert) for alert in alerts],
                }
            )
        else:
            session.show(*_page(samples, runs, rejected, messages, alerts), width=WIDTH)


def _samples(folder: Path, known: Sequence[str]) -> list[tuple[Path, str]]:
    files = sorted(file for file in (folder / "samples").glob("*") if file.is_file() and file.name[0] != ".")
    if not files:
        raise WrongUse(
            f"There are no sample files under {folder / 'samples'}.",
            advice="Run it where Filegate's own datasets are, or name their folder by --datasets.",
        )
    return with_datasets(files, known)


def _rejected(cloud: Cloud, runs: Sequence[RunRecord]) -> Iterator[tuple[str, RejectedRow]]:
    """A few rejected rows: from every run the first one of its most broken rule, then of its second, and so on."""
    ranked = [[(run, rule) for rule in rules(run)] for run in runs]
    pairs = [pair for rank in itertools.zip_longest(*ranked) for pair in rank if pair is not None]
    for run, rule in pairs[:SHOWN_ROWS]:
        yield run.key, next(operations.quarantine.rejected_rows(run, cloud.store, rule=rule))


def _page(
    samples: Sequence[tuple[Path, str]],
    runs: Sequence[RunRecord],
    rejected: Sequence[tuple[str, RejectedRow]],
    messages: Sequence[Message],
    alerts: Sequence[Alert],
) -> Iterator[RenderableType]:
    """What was seen, on one page: runs, some rejected rows with the keys of their files, messages, alerts."""
    yield _heading("Files", "what became of their rows", first=True)
    yield tables.ends(runs)
    yield _heading("Rules", "which were broken, by how many rows")
    yield tables.broken_by(runs)
    yield _heading("Quarantine", f"{len(rejected)} of {sum(run.rows_rejected for run in runs):,} rejected rows")
    for key, row in rejected:
        yield Text.assemble((text.line(key), "bold"), f" {text.place(row.row, row.byte_offset)}")
        yield from reasons(row)
        yield from record(row, WIDTH)
    yield _heading("Dead-letter queue", "what did not get through whole; each can be replayed")
    for message in messages:
        if message.request is not None and message.failure is not None:
            yield Text.assemble((text.line(message.about), "bold"), " ", text.status(message.failure.status))
            yield Padding(Text(text.shortened(text.clean(message.problem), TWO_LINES), "dim"), (0, 0, 0, 2))
    if alerts:
        yield _heading("Alert", f"what went out to subscribers (1 of {len(alerts)})")
        yield _quoted(min(alerts, key=_calls_for_nobody))
    yield _heading("Next", "this cloud is gone; start one that stays, and use it from another terminal")
    yield "  filegate local"
    yield Text(f"  filegate drop {text.line(str(samples[0][0]))}")
    yield "  filegate runs"
    yield "  filegate dlq list"


def _heading(title: str, subtitle: str, *, first: bool = False) -> Text:
    return Text.assemble("" if first else "\n", (title, "bold cyan"), "  ", (subtitle, "dim"))


def _calls_for_nobody(alert: Alert) -> bool:
    return alert.subject.endswith(("SUCCEEDED", "PARTIAL"))


def _quoted(alert: Alert) -> Text:
    """The alert as it is read in a mail, behind a bar; long lines are cut."""
    lines = [alert.subject, "", *alert.message.splitlines()]
    return Text("\n".join(f"│ {text.shortened(text.line(line), WIDTH - 2)}".rstrip() for line in lines), "dim")
