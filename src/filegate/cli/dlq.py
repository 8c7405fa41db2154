"""`filegate dlq`: the dead-letter queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from filegate.cli import connection, tables, text
from filegate.cli.following import answer, follow_all
from filegate.cli.outcome import Outcome, explain
from filegate.cli.shared import Session, command, report
from filegate.cli.show import next_commands
from filegate.errors import WrongUse
from filegate.operations import dlq
from filegate.operations.find import chain
from filegate.pipeline.replay import NotReplayable
from filegate.runs.record import RunRecord
from filegate.runs.run import short
from filegate.storage.ledger import Ledger

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The dead-letter queue: runs that did not get through whole."
)

WANTED = typer.Argument(metavar="RUN", help="The start of a run's id, or of a message's.", show_default=False)
OfDataset = Annotated[str | None, typer.Option("--dataset", "-d", help="Only this dataset's.", show_default=False)]


@command(app, "list")
def list_messages(session: Session, dataset: OfDataset = None) -> None:
    """List what waits in the queue. Nothing is taken out of it."""
    connection.refuse_unknown(session, dataset)
    cloud = connection.connect(session)
    messages = [message for message in dlq.list_messages(cloud.dlq) if dataset in (None, message.dataset)]
    if session.as_json:
        session.write(*(message.to_json() for message in messages))
    elif messages:
        known = (cloud.ledger.get(message.run_id) for message in messages if message.run_id is not None)
        session.show(tables.waiting(messages, {run.run_id: run for run in known if run is not None}))
    else:
        session.err.print("Nothing waits in the dead-letter queue.", style="green")


@command(app, "show")
def show_message(session: Session, run: Annotated[str, WANTED]) -> None:
    """Show a message: what failed, on which object, what was received and allowed, and what to do next."""
    cloud = connection.connect(session)
    messages = dlq.select(dlq.list_messages(cloud.dlq), run)
    if session.as_json:
        facts = [{"message_id": one.id, "sent_at": one.sent_at.isoformat(), "body": one.body} for one in messages]
        session.write(*facts)
        return
    run_id = messages[0].run_id  # they are about the same one
    known = None if run_id is None else cloud.ledger.get(run_id)
    for number, message in enumerate(messages):
        session.show(*([""] if number else []), *_describe(message, known, cloud.ledger))
    if known is not None:
        explain(session, [Outcome(known, cloud.store)])


@command(app, "replay")
def replay_messages(
    session: Session,
    run: Annotated[str | None, WANTED] = None,
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
    connection.refuse_unknown(session, dataset)
    cloud = connection.connect(session)
    begun: list[dlq.Replay] = []
    skipped: list[NotReplayable] = []
    with session.waiting("Starting …"), dlq.leased(cloud.dlq) as lease:
        chosen = dlq.by_run(lease.messages, dataset=dataset) if run is None else [dlq.select(lease.messages, run)]
        for messages in chosen:
            try:
                begun.append(
                    dlq.replay(lease, messages, cloud.ledger, cloud.store, cloud.state_machine, all_rows=all_rows)
                )
            except NotReplayable as error:
                if run is not None:
                    raise
                skipped.append(error)
    for problem in skipped:
        report(session, problem)
    if not begun and not skipped:
        session.err.print("Nothing waits in the dead-letter queue.", style="green")
    followed = follow_all(session, cloud, [(replay.run_id, replay.request.key) for replay in begun])
    return answer(session, cloud, followed)


@command(app, "discard")
def discard_messages(
    session: Session,
    run: Annotated[str, WANTED],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take the messages about a run out of the queue for good. The run, and its quarantine, stay."""
    with dlq.leased(connection.connect(session).dlq) as lease:
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


def _describe(message: dlq.Message, run: RunRecord | None, ledger: Ledger) -> Iterator[RenderableType]:
    """What failed, on which object, and what to do next. `run` is the one that it is about, as the ledger has it."""
    if message.failure is None:
        yield Text(f"message {text.line(message.id)} was not written by the pipeline:", "bold")
        yield Padding(Text(text.clean(message.received.body)), (0, 0, 0, 2))
        return
    yield Text.assemble((text.line(message.about), "bold"), "  ", tables.status_of(message, run))
    yield ""
    facts = tables.facts()
    facts.add_row("failed", Text.assemble((text.line(message.failure.type), "red"), "\n", text.clean(message.problem)))
    if message.trace:
        facts.add_row("trace", Text(text.clean(message.trace), "dim"))
    if message.request is not None:
        facts.add_row("object", text.line(f"s3://{message.request.bucket}/{message.request.key}"))
        facts.add_row("version", text.line(message.request.version_id))
    for name, value in (("run", message.run_id), ("execution", message.execution)):
        if value:
            facts.add_row(name, text.line(value))
    facts.add_row("message", f"{text.line(message.id)}, sent {text.timestamp(message.sent_at.isoformat())} UTC")
    facts.add_row("next", "\n".join(_next(message, run, ledger)))
    yield facts


def _next(message: dlq.Message, run: RunRecord | None, ledger: Ledger) -> list[str]:
    if message.run_id is None or message.request is None:
        return ["Deliver the file again. Then:", f"filegate dlq discard {text.line(message.id)}"]
    if run is None:
        return ["Fix the cause. Then:", f"filegate dlq replay {short(message.run_id)}"]
    commands = next_commands(run, chain(ledger, run))
    replays = [command for command in commands if command.startswith("filegate dlq replay")]
    others = [command for command in commands if command not in replays]
    return [*others, *(["Fix the cause. Then:", *replays] if replays else [])]
