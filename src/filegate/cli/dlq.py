"""`filegate dlq`: the dead-letter queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from filegate.cli.shared import Session, command, tell

if TYPE_CHECKING:
    from filegate.operations.dlq import Replay

app = typer.Typer(no_args_is_help=True, help="The dead-letter queue: runs that did not get through whole.")

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
    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import tables, text  # noqa: PLC0415
    from filegate.operations.dlq import listed  # noqa: PLC0415
    from filegate.operations.find import short  # noqa: PLC0415

    cloud = session.cloud()
    messages = [message for message in listed(cloud.dlq) if dataset in (None, message.dataset)]
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
    import json  # noqa: PLC0415

    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import text  # noqa: PLC0415
    from filegate.operations.dlq import listed, select  # noqa: PLC0415

    for message in select(listed(session.cloud().dlq), run):
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
    """Run again what did not get through, once its cause is mended, and take it out of the queue.

    Of a PARTIAL run only the quarantined rows run again; of others the whole object, and so where a row's fate depends
    on the others: with a key, unique columns, or a transform over the whole object.
    May be repeated if it was interrupted: the same messages give the same runs.
    """
    from filegate.cli.following import follow_all  # noqa: PLC0415
    from filegate.cli.outcome import answer  # noqa: PLC0415
    from filegate.errors import WrongUse  # noqa: PLC0415
    from filegate.operations import dlq  # noqa: PLC0415

    if (run is None) != all_ or (dataset is not None and not all_):
        raise WrongUse("Say what to replay.", advice="Name one run, or say --all, perhaps with --dataset.")
    cloud = session.cloud()
    begun: list[Replay] = []
    skipped: list[dlq.NotReplayable] = []
    with session.waiting("Starting …"), dlq.held(cloud.dlq) as holding:
        chosen = dlq.by_run(holding.messages, dataset=dataset) if run is None else [dlq.select(holding.messages, run)]
        for messages in chosen:
            try:
                replay = dlq.replay(
                    holding,
                    messages,
                    ledger=cloud.ledger,
                    store=cloud.store,
                    pipeline=cloud.pipeline,
                    all_rows=all_rows,
                )
            except dlq.NotReplayable as error:
                if run is not None:
                    raise
                skipped.append(error)
            else:
                begun.append(replay)
    for problem in skipped:
        tell(session, problem)
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
    from filegate.cli.text import counted, line  # noqa: PLC0415
    from filegate.errors import WrongUse  # noqa: PLC0415
    from filegate.operations.dlq import held, select  # noqa: PLC0415

    with held(session.cloud().dlq) as holding:
        messages = select(holding.messages, run)
        about = line(messages[0].about)
        what = f"{counted(len(messages), 'message')} about {about}" if messages[0].failure else about
        if not yes:
            if not session.err.is_terminal or session.as_json:
                raise WrongUse(f"Nothing was discarded: {what} would be gone for good.", advice="Say --yes.")
            typer.confirm(f"Discard {what}? There is no replay then.", abort=True, err=True)
        for message in messages:
            holding.delete(message)
        if session.as_json:
            session.write(*({**message.to_json(), "discarded": True} for message in messages))
        else:
            session.err.print(f"Discarded {what}.")
