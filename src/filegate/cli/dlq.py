"""`filegate dlq`: the dead-letter queue."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.text import Text

from filegate.cli import connection, tables, text
from filegate.cli.following import follow_all
from filegate.cli.outcome import answer
from filegate.cli.shared import Session, command, report
from filegate.errors import WrongUse
from filegate.operations import dlq
from filegate.operations.find import short

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The dead-letter queue: runs that did not get through whole.",
)

Wanted = Annotated[
    str, typer.Argument(metavar="RUN", help="The start of a run's id, or of a message's.", show_default=False)
]
MaybeWanted = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="The start of a run's id, or of a message's.", show_default=False)
]
OfDataset = Annotated[str | None, typer.Option("--dataset", "-d", help="Only this dataset's.", show_default=False)]


@command(app, "list")
def list_messages(session: Session, dataset: OfDataset = None) -> None:
    """List what waits in the queue. Nothing is taken out of it."""
    cloud = connection.connect(session.settings)
    messages = [message for message in dlq.list_messages(cloud.dlq) if dataset in (None, message.dataset)]
    if session.as_json:
        session.write(*(message.to_json() for message in messages))
        return
    if not messages:
        session.err.print("Nothing waits in the dead-letter queue.", style="green")
        return
    table = tables.grid("run", "object", "status", "reason", "sent (UTC)", gives_way="reason")
    for message in messages:
        sent = text.moment(message.sent_at.isoformat())
        run = short(message.run_id or message.id)
        if message.failure is None:
            table.add_row(text.line(run), Text("(not written by the pipeline)", "dim"), "", "", sent)
            continue
        known = None if message.run_id is None else cloud.ledger.get(message.run_id)
        table.add_row(
            text.line(run),
            Text(text.line(message.about), "" if message.request else "dim"),
            text.status(message.failure.status) if known is None else tables.status(known, message.failure.status),
            tables.cut(f"{message.failure.type}: {message.failure.message}"),
            sent,
        )
    session.show(table)


@command(app, "show")
def show_message(session: Session, run: Wanted) -> None:
    """Show the whole of a message."""
    for message in dlq.select(dlq.list_messages(connection.connect(session.settings).dlq), run):
        try:
            body = json.loads(message.received.body)
        except ValueError:
            body = message.received.body
        if session.as_json:
            session.write({"message_id": message.id, "sent_at": message.sent_at.isoformat(), "body": body})
            continue
        heading = f"message {text.line(message.id)}, sent {text.moment(message.sent_at.isoformat())} UTC"
        session.show(Text(heading, "bold"), Text(text.clean(json.dumps(body, indent=2))))


@command(app, "replay")
def replay_messages(
    session: Session,
    run: MaybeWanted = None,
    all_: Annotated[bool, typer.Option("--all", help="Replay everything that waits.")] = False,
    dataset: OfDataset = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Read the whole object again, not just its quarantined rows.")
    ] = False,
) -> int:
    """Run again what did not get through, once its cause is fixed, and take it out of the queue.

    Of a PARTIAL run only the quarantined rows run again; of others the whole object, and so where a row's fate depends
    on the others: with a key, unique columns, or a transform over the whole object.
    May be repeated if it was interrupted: the same messages give the same runs.
    """
    if (run is None) != all_ or (dataset is not None and not all_):
        raise WrongUse("Nothing to replay was named.", advice="Name one run, or pass --all, perhaps with --dataset.")
    cloud = connection.connect(session.settings)
    begun: list[dlq.Replay] = []
    skipped: list[dlq.NotReplayable] = []
    with session.waiting("Starting …"), dlq.leased(cloud.dlq) as lease:
        chosen = dlq.by_run(lease.messages, dataset=dataset) if run is None else [dlq.select(lease.messages, run)]
        for messages in chosen:
            try:
                replay = dlq.replay(
                    lease,
                    messages,
                    ledger=cloud.ledger,
                    store=cloud.store,
                    state_machine=cloud.state_machine,
                    all_rows=all_rows,
                )
            except dlq.NotReplayable as error:
                if run is not None:
                    raise
                skipped.append(error)
            else:
                begun.append(replay)
    for problem in skipped:
        report(session, problem)
    if not begun and not skipped:
        session.err.print("Nothing waits in the dead-letter queue.", style="green")
    followed = follow_all(session, cloud, [(replay.run_id, replay.request.key) for replay in begun])
    return answer(session, cloud, followed)


@command(app, "discard")
def discard_messages(
    session: Session,
    run: Wanted,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take the messages about a run out of the queue for good. The run, and its quarantine, stay."""
    with dlq.leased(connection.connect(session.settings).dlq) as lease:
        messages = dlq.select(lease.messages, run)
        about = text.line(messages[0].about)
        what = f"{text.counted(len(messages), 'message')} about {about}" if messages[0].failure else about
        if not yes:
            if not session.err.is_terminal or session.as_json:
                raise WrongUse(f"Nothing was discarded: {what} would be gone for good.", advice="Pass --yes.")
            typer.confirm(f"Discard {what}? This cannot be undone.", abort=True, err=True)
        for message in messages:
            lease.delete(message)
        if session.as_json:
            session.write(*({**message.to_json(), "discarded": True} for message in messages))
        else:
            session.err.print(f"Discarded {what}.")
