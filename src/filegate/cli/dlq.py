"""`filegate dlq`: the dead-letter queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from filegate.cli.shared import Session, command, tell

if TYPE_CHECKING:
    from filegate.operations.dlq import Letter, Replay

app = typer.Typer(no_args_is_help=True, help="The dead-letter queue: runs that did not get through whole.")

Wanted = Annotated[
    str, typer.Argument(metavar="RUN", help="The start of a run's id, or of a message's.", show_default=False)
]
MaybeWanted = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="The start of a run's id, or of a message's.", show_default=False)
]
OfDataset = Annotated[str | None, typer.Option("--dataset", "-d", help="Only this dataset's.", show_default=False)]


@command(app, "list")
def list_letters(session: Session, dataset: OfDataset = None) -> None:
    """List what waits in the queue. Nothing is taken out of it."""
    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import tables, text  # noqa: PLC0415
    from filegate.operations.dlq import listed  # noqa: PLC0415
    from filegate.operations.runs import short  # noqa: PLC0415

    letters = [letter for letter in listed(session.cloud().dead_letters) if dataset in (None, _dataset(letter))]
    if session.as_json:
        session.write(*(letter.to_json() for letter in letters))
        return
    if not letters:
        session.err.print("Nothing waits in the dead-letter queue.", style="green")
        return
    table = tables.grid("run", "object", "status", "reason", "sent (UTC)", gives_way="reason")
    for letter in letters:
        sent = text.moment(letter.sent_at.isoformat())
        if letter.run is None or letter.failure is None:
            table.add_row(letter.id[:12], Text("(no letter of the pipeline)", "dim"), "", "", sent)
            continue
        table.add_row(
            short(letter.run.run_id),
            Text(text.clean(letter.run.request.key)),
            text.status(letter.failure.status),
            tables.cut(f"{letter.failure.type}: {letter.failure.message}"),
            sent,
        )
    session.show(table)


@command(app, "show")
def show_letter(session: Session, run: Wanted) -> None:
    """Show the whole of a letter."""
    import json  # noqa: PLC0415

    from rich.text import Text  # noqa: PLC0415

    from filegate.cli import text  # noqa: PLC0415
    from filegate.operations.dlq import listed, select  # noqa: PLC0415

    for letter in select(listed(session.cloud().dead_letters), run):
        try:
            body = json.loads(letter.message.body)
        except ValueError:
            body = letter.message.body
        if session.as_json:
            session.write({"message_id": letter.id, "sent_at": letter.sent_at.isoformat(), "body": body})
            continue
        heading = f"message {letter.id}, sent {text.moment(letter.sent_at.isoformat())} UTC"
        session.show(Text(heading, "bold"), Text(text.clean(json.dumps(body, indent=2))))


@command(app, "replay")
def replay_letters(
    session: Session,
    run: MaybeWanted = None,
    all_: Annotated[bool, typer.Option("--all", help="Replay everything that waits.")] = False,
    dataset: OfDataset = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="Read the whole object again, not just its quarantined rows.")
    ] = False,
) -> int:
    """Run again what did not get through, once its cause is mended, and take it out of the queue.

    Of a PARTIAL run only the quarantined rows run again; of others the whole object.
    May be repeated if it was interrupted: the same letters give the same runs.
    """
    from filegate.cli.following import follow_all  # noqa: PLC0415
    from filegate.cli.outcome import answer  # noqa: PLC0415
    from filegate.operations import dlq  # noqa: PLC0415
    from filegate.operations.problems import WrongUse  # noqa: PLC0415

    if (run is None) != all_ or (dataset is not None and not all_):
        raise WrongUse("Say what to replay.", advice="Name one run, or say --all, perhaps with --dataset.")
    cloud = session.cloud()
    begun: list[tuple[Replay, str]] = []
    skipped: list[dlq.NotReplayable] = []
    with session.waiting("Starting …"), dlq.held(cloud.dead_letters) as holding:
        chosen = dlq.by_run(holding.letters, dataset=dataset) if run is None else [dlq.select(holding.letters, run)]
        for letters in chosen:
            try:
                replay = dlq.replay(holding, letters, ledger=cloud.ledger, pipeline=cloud.pipeline, all_rows=all_rows)
            except dlq.NotReplayable as error:
                if run is not None:
                    raise
                skipped.append(error)
            else:
                begun.append((replay, replay.request.key))
    for problem in skipped:
        tell(session, problem)
    if not begun and not skipped:
        session.err.print("Nothing waits in the dead-letter queue.", style="green")
    followed = follow_all(session, cloud, [(replay.run_id, key) for replay, key in begun])
    return answer(session, cloud, followed)


@command(app, "discard")
def discard_letter(
    session: Session,
    run: Wanted,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take a letter out of the queue for good. The run, and its quarantine, stay."""
    from filegate.cli.text import counted  # noqa: PLC0415
    from filegate.operations.dlq import held, select  # noqa: PLC0415
    from filegate.operations.problems import WrongUse  # noqa: PLC0415

    with held(session.cloud().dead_letters) as holding:
        letters = select(holding.letters, run)
        what = letters[0].run.request.key if letters[0].run else f"message {letters[0].id}"
        if not yes:
            if not session.err.is_terminal or session.as_json:
                raise WrongUse(f"Nothing was discarded: {what} would be gone for good.", advice="Say --yes.")
            typer.confirm(f"Discard the letter about {what}? It cannot be replayed then.", abort=True, err=True)
        for letter in letters:
            holding.delete(letter)
        if session.as_json:
            session.write(*({**letter.to_json(), "discarded": True} for letter in letters))
        else:
            session.err.print(f"Discarded {counted(len(letters), 'letter')} about {what}.")


def _dataset(letter: Letter) -> str | None:
    return letter.run.request.dataset if letter.run else None
