"""`filegate show`: all about a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from filegate.cli import connection, tables, text
from filegate.cli.shared import RunArgument, Session, command
from filegate.operations.artefacts import cut_short, published
from filegate.operations.find import chain, find
from filegate.operations.progress import alive_at, progress_of
from filegate.operations.result import result, seconds, used
from filegate.runs import clock
from filegate.runs.address import Address
from filegate.runs.cost import ranges, total
from filegate.runs.record import RunRecord
from filegate.runs.run import short
from filegate.runs.states import Status
from filegate.storage.ledger import iso

SHOWN_ADDRESSES = 3
FACTS = {
    *("version_id", "owner", "started_at", "finished_at", "states", "retries", "duplicates", "bytes", "chunks"),
    *("rows_deduplicated", "replay_of", "replayed_by", "supersedes"),
}
"""What a program gets of the ledger's item besides the result."""

app = typer.Typer(add_completion=False)


@command(app)
def show(session: Session, run: RunArgument) -> None:
    """Show a run: its states, its counts, what broke, what it cost, where things are, and what to do next.

    Of a run that is under way: how far its present state is, how fast it goes, and when its last heartbeat was.
    """
    cloud = connection.connect(session)
    found = find(cloud.ledger, run)
    if session.as_json:
        facts = found.model_dump(mode="json", include=FACTS)
        session.write(result(found, cloud.store) | facts | {"ranges": ranges(found.usage), "used": used(found)})
        return
    newer = None if found.superseded_by is None else cloud.ledger.get(found.superseded_by)
    output = published(found, cloud.store) or []
    unfinished = cut_short(found, cloud.store)
    session.show(*_facts(found, output, chain(cloud.ledger, found), newer, unfinished=unfinished))


def _facts(
    run: RunRecord, output: Sequence[Address], links: Sequence[RunRecord], newer: RunRecord | None, *, unfinished: bool
) -> list[RenderableType]:
    facts = tables.facts()

    def add(name: str, value: RenderableType | None) -> None:
        if value:
            facts.add_row(name, Text(text.clean(value)) if isinstance(value, str) else value)

    add("run", run.run_id)
    add("object", text.line(f"s3://{run.bucket}/{run.key}"))
    add("version", run.version_id)
    add("execution", run.owner)
    add("times", _times(run))
    add("states", _states(run))
    add("layout", _layout(run))
    add("progress", _progress(run))
    add("chunks", _chunks(run))
    add("rows", _conservation(run))
    add("rules", tables.broken(run) if run.rules else None)
    add("used", _used(run))
    add("output", _addresses(output))
    add("quarantine", text.line(run.quarantine or ""))
    if run.superseded_by is not None:
        add("output", tables.superseded(run, newer))
    if unfinished:
        add("output", "none: the commit was cut short before the manifest was written")
    if run.error_type is not None:
        add("error", Text(text.line(run.error_type), "red"))
        add("", run.error_message)
    if len(links) > 1:
        add("replays", _links(links, run))
    add("next", "\n".join(next_commands(run, links, unfinished=unfinished)))
    return [Text.assemble(text.line(run.key), "  ", text.status(run.status)), "", facts]


def _times(run: RunRecord) -> str:
    if run.finished_at:
        took = f", took {text.seconds(seconds(run))}"
    else:
        silence = max(0.0, (clock.now() - alive_at(run)).total_seconds())
        took = f", still running, last heartbeat {text.seconds(silence)} ago"
    restarts = f", restarted {text.counted(run.retries, 'time')}" if run.retries else ""
    duplicates = f", announced {text.counted(run.duplicates + 1, 'time')}" if run.duplicates else ""
    return f"{text.timestamp(run.started_at)} UTC{took}{restarts}{duplicates}"


def _progress(run: RunRecord) -> str | None:
    """How far the present state is, if it takes long."""
    found = progress_of(run)
    if found is None:
        return None
    began = f"{found.state} since {text.timestamp(iso(found.since))} UTC"
    return " · ".join(filter(None, [began, text.percent(found), text.how_far(found, clock.now())]))


def _layout(run: RunRecord) -> str | None:
    """How the object is written, as ingest found it."""
    found = run.layout
    if found is None:
        return None
    parts = [found.format if found.encoding is None else f"{found.format} in {found.encoding}"]
    if found.compression is not None:
        parts.append(f"compressed with {found.compression}")
    if found.delimiter is not None:
        parts.append(f"delimiter {text.value(found.delimiter)}")
        parts.append("no header" if found.header_line is None else f"header on line {found.header_line}")
    if found.line_end is not None:
        parts.append(f"lines end with {found.line_end}")
    return ", ".join(parts)


def _chunks(run: RunRecord) -> str | None:
    """How many chunks the object was split into, if several."""
    if run.chunks < 2:
        return None
    fan_out, took = ranges(run.usage), seconds(run)
    over = f" in {text.counted(fan_out, 'range')}" if fan_out else ""
    speed = f", {text.rounded(run.rows_in / took)} rows/s from claim to end" if took else ""
    return f"{run.chunks:,}{over}{speed}"


def _states(run: RunRecord) -> RenderableType | None:
    if not run.states:
        return None
    start = datetime.fromisoformat(run.started_at)
    states = Table.grid(padding=(0, 2, 0, 0))
    for state, at in sorted(run.states.items(), key=lambda item: item[1]):
        states.add_row(text.line(state), f"+{(datetime.fromisoformat(at) - start).total_seconds():.3f} s")
    return states


def _conservation(run: RunRecord) -> str | None:
    """The conservation law, in this run's numbers."""
    if not run.rows_in:
        return None
    if not run.rows_accepted + run.rows_rejected:
        return f"{text.count(run.rows_in)} in"
    rows_in, accepted, rejected = map(text.count, (run.rows_in, run.rows_accepted, run.rows_rejected))
    lines = [f"{rows_in} in = {accepted} accepted + {rejected} rejected"]
    if run.status in (Status.SUCCEEDED, Status.PARTIAL):
        row_wise = run.rows_accepted == run.rows_out + run.rows_deduplicated
        sign = "=" if row_wise else "→"  # a transform over the whole object may change their number
        repeated = f" + {text.count(run.rows_deduplicated)} deduplicated" if row_wise else ""
        lines.append(f"{accepted} accepted {sign} {text.count(run.rows_out)} out{repeated}")
    return "\n".join(lines)


def _used(run: RunRecord) -> str:
    """What the run used, and about what that costs."""
    spent, functions = used(run), total(run.usage.invocations.values())
    counts = [
        f"{text.seconds(functions.seconds)} in {text.counted(functions.invocations, 'invocation')}",
        f"{functions.gb_seconds:.1f} GB-seconds",
        text.counted(spent["transitions"], "state transition"),
        f"{text.counted(spent['s3_reads'] + spent['s3_writes'], 'request')} to S3",
    ]
    return f"{', '.join(counts)}: about ${spent['cost_usd']:.4f} by the list prices of {spent['prices_of']}"


def _addresses(addresses: Sequence[Address]) -> str:
    shown = [text.line(str(address)) for address in addresses[:SHOWN_ADDRESSES]]
    more = len(addresses) - SHOWN_ADDRESSES
    return "\n".join([*shown, *([f"and {more:,} more"] if more > 0 else [])])


def _links(links: Sequence[RunRecord], this: RunRecord) -> RenderableType:
    def shown(link: RunRecord) -> Text:
        style = "bold" if link.run_id == this.run_id else ""
        return Text.assemble((short(link.run_id), style), " ", text.status(link.status))

    return Text(" → ").join(map(shown, links))


def next_commands(run: RunRecord, links: Sequence[RunRecord], *, unfinished: bool = False) -> list[str]:
    """The commands that go on from a run; `links` are it and its replays, `unfinished`: its commit was cut short."""
    commands = [f"filegate quarantine {short(run.run_id)}"] if run.quarantine and run.superseded_by is None else []
    if run.replayed_by is not None:
        last = links[-1]
        commands.append(f"filegate show {short(last.replayed_by or last.run_id)}")
    elif run.superseded_by is not None:
        commands.append(f"filegate show {short(run.superseded_by)}")
        if run.status == Status.PARTIAL:  # its message waits, and no replay would publish anything
            commands.append(f"filegate dlq discard {short(run.run_id)}")
    elif unfinished or run.status in (Status.PARTIAL, Status.REJECTED, Status.FAILED):
        commands.append(f"filegate dlq replay {short(run.run_id)}")
    return commands
