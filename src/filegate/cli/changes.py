"""How `filegate stack` shows changes, progress and an environment's data to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from filegate.cli import tables, text
from filegate.cli.shared import Session
from filegate.cli.tables import Column, FittedTable
from filegate.deploy.account import Account
from filegate.deploy.change_set import ChangeSet
from filegate.deploy.changes import Action, Change, Edit
from filegate.deploy.destroy import BUCKET, QUEUE, DataPolicy, DataResource, Inventory
from filegate.deploy.events import Event

STYLES = {
    Action.ADD: "green",
    Action.CHANGE: "yellow",
    Action.MAY_REPLACE: "magenta",
    Action.REPLACE: "magenta",
    Action.REMOVE: "magenta",
}
DANGER = "bold red"
MAX_IN_PROGRESS = 12  # resources shown


def show(session: Session, account: Account, change_set: ChangeSet) -> None:
    """Show the changes, one line per resource; in red those that would lose data."""
    session.err.print(
        f"Stack {change_set.stack} in {account.region} of account {account.id}, as {account.caller}", style="dim"
    )
    if change_set.empty:
        session.err.print("Nothing to do: the stack matches its templates.", style="green")
        return
    if not change_set.changes:
        session.err.print("Only outputs would change.")
        return
    changes = sorted(change_set.changes, key=lambda change: (list(Action).index(change.action), change.resource))
    styles = [DANGER if change.endangers_data else STYLES[change.action] for change in changes]
    table = FittedTable(
        Column("", list(map(Text, [change.action for change in changes], styles))),
        Column("resource", list(map(Text, [change.resource for change in changes], styles))),
        Column("type", [change.kind.removeprefix("AWS::") for change in changes]),
        Column("why", [text.line(_why(change)) for change in changes], minimum=8),
    )
    counts = Counter(change.action for change in changes)
    summary = ", ".join(f"{counts[action]} to {action}" for action in Action if counts[action])
    session.show(table, "", Text(summary))
    if DANGER in styles:
        session.err.print("\nThe resources in red hold data, which a replacement does not take over.", style=DANGER)
    if change_set.not_seen is not None:
        session.err.print(
            f"\nCloudFormation does not report changes inside nested stacks: {change_set.not_seen}", style="yellow"
        )


def _why(change: Change) -> str:
    if change.action is Action.ADD:
        return ""
    if change.action is Action.REMOVE:
        return {True: "stays in the account", False: "deleted", None: ""}[change.kept]
    return ", ".join(dict.fromkeys(map(_edit, change.edits)))


def _edit(edit: Edit) -> str:
    values = ""
    if edit.before is not None and edit.after is not None and len(edit.before) + len(edit.after) < 40:
        values = f": {edit.before} → {edit.after}"
    return f"{edit.name}{values}" + (f" ({edit.cause})" if edit.cause else "")


def show_outputs(session: Session, outputs: Mapping[str, str]) -> None:
    table = tables.grid("output", "value")
    for name, value in sorted(outputs.items()):
        table.add_row(name, Text(text.line(value)))
    session.show("", table)


def watch(session: Session, events: Iterable[Event]) -> None:
    """Show events until they end: live on a terminal, otherwise one line per finished resource."""
    err, progress = session.err, StackProgress()
    live = err.is_terminal and not session.as_json
    with Live(progress, console=err, transient=True, refresh_per_second=8) if live else nullcontext():
        for event in events:
            progress.add(event)
            if not (live or session.as_json or event.status.endswith("_IN_PROGRESS")):
                err.print(_line(event))


class StackProgress:
    """The resources in progress, and the number of finished ones."""

    def __init__(self) -> None:
        self._in_progress: dict[str, Event] = {}
        self._done: set[str] = set()
        self._failed: list[Event] = []
        self._spinner = Spinner("dots", style="cyan")

    def add(self, event: Event) -> None:
        if event.status.endswith("_IN_PROGRESS"):
            self._in_progress[event.resource] = event
            return
        self._in_progress.pop(event.resource, None)
        if event.status.endswith("_FAILED"):
            self._failed.append(event)
        else:
            self._done.add(event.resource)

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for event in self._failed:
            table.add_row(Text("✗", "red"), _line(event))
        inner = [event for name, event in self._in_progress.items() if not self._has_inner(name)]
        for event in inner[:MAX_IN_PROGRESS]:
            table.add_row(self._spinner, _line(event))
        table.add_row("", Text(f"{len(self._done)} done, {len(inner)} in progress", "dim"))
        return table

    def _has_inner(self, name: str) -> bool:
        """Whether it is a nested stack with a resource of its own in progress."""
        return any(other.startswith(f"{name}." if name else "") and other != name for other in self._in_progress)


def _line(event: Event) -> Text:
    failed = event.status.endswith("_FAILED")
    reason = f": {text.line(event.reason)}" if failed and event.reason else ""
    status = f"{event.status.lower().replace('_', ' ')}{reason}"
    return Text.assemble(event.resource or "the stack", " ", (status, "red" if failed else "dim"))


def show_inventory(session: Session, account: Account, inventory: Inventory) -> None:
    session.err.print(f"In {account.region} of account {account.id}, as {account.caller}", style="dim")
    table = tables.grid("resource", "name", "content", "after")
    for resource in inventory.resources:
        table.add_row(resource.path, text.line(resource.name), *_content_and_policy(resource, inventory.policy))
    session.show(table, "")


def _content_and_policy(resource: DataResource, policy: DataPolicy) -> tuple[Text, Text]:
    unit = {BUCKET: "object version", QUEUE: "message"}.get(resource.kind, "item")
    content = text.counted(resource.count, unit) + (" and more" if resource.more else "")
    content += " (logs)" if resource.is_log else ""
    lost = not (resource.is_empty or resource.is_log)
    after = Text("kept", "yellow") if policy is DataPolicy.KEEP else Text("deleted", DANGER if lost else "")
    return Text("nothing", "dim") if resource.is_empty else Text(content), after


def show_removed(session: Session, name: str, inventory: Inventory) -> None:
    if inventory.policy is DataPolicy.DELETE:
        session.err.print(f"{name} and its data were removed.", style="green")
        return
    session.err.print(f"{name} was removed. These resources remain, and are still billed:", style="green")
    for resource in inventory.resources:
        session.err.print(f"  {resource.name}")
