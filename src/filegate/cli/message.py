"""A message of the dead-letter queue for a person."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from filegate.cli import tables, text
from filegate.cli.show import next_commands
from filegate.operations.dlq import Message
from filegate.operations.find import chain, short
from filegate.runs.record import RunRecord
from filegate.storage.ledger import Ledger


def describe(message: Message, run: RunRecord | None, ledger: Ledger) -> Iterator[RenderableType]:
    """What failed, on which object, and what to do next.

    Args:
        message: of the queue.
        run: the one that it is about, as the ledger has it.
        ledger: has its replays.
    """
    if message.failure is None:
        yield Text(f"message {text.line(message.id)} was not written by the pipeline:", "bold")
        yield Padding(Text(text.clean(message.received.body)), (0, 0, 0, 2))
        return
    ended = text.status(message.failure.status) if run is None else tables.status(run, message.failure.status)
    yield Text.assemble((text.line(message.about), "bold"), "  ", ended)
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


def _next(message: Message, run: RunRecord | None, ledger: Ledger) -> list[str]:
    if message.run_id is None or message.request is None:
        return ["Deliver the file again. Then:", f"filegate dlq discard {text.line(message.id)}"]
    if run is None:
        return ["Fix the cause. Then:", f"filegate dlq replay {short(message.run_id)}"]
    commands = next_commands(run, chain(ledger, run))
    replays = [command for command in commands if command.startswith("filegate dlq replay")]
    others = [command for command in commands if command not in replays]
    return [*others, *(["Fix the cause. Then:", *replays] if replays else [])]
