"""What a deployment would change, what goes on in it, and what it holds: for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from filegate.cli import tables, text
from filegate.cli.shared import Session
from filegate.deploy.account import Account
from filegate.deploy.changes import Action, Change, Edit, Plan
from filegate.deploy.destroy import BUCKET, QUEUE, Fate, Holding, Inventory
from filegate.deploy.stack import Event

STYLES = {
    Action.ADD: "green",
    Action.CHANGE: "yellow",
    Action.MAY_REPLACE: "magenta",
    Action.REPLACE: "magenta",
    Action.REMOVE: "magenta",
}
DANGER = "bold red"
SHOWN_UNDER_WAY = 12  # resources


def show(session: Session, account: Account, plan: Plan) -> None:
    """What would change, a line for each resource; those that hold data and would not stay in red."""
    session.err.print(
        f"Stack {plan.stack} in {account.region} of account {account.id}, as {account.caller}", style="dim"
    )
    if plan.empty:
        session.err.print("Nothing to do: it is as its templates say.", style="green")
        return
    if not plan.changes:
        session.err.print("No resource would change, but the outputs would.")
        return
    table = tables.grid("", "resource", "type", "why", gives_way="why")
    for change in sorted(plan.changes, key=lambda change: (list(Action).index(change.action), change.resource)):
        style = DANGER if change.endangers_data else STYLES[change.action]
        kind = change.kind.removeprefix("AWS::")
        table.add_row(Text(change.action, style), Text(change.resource, style), Text(kind), tables.cut(_why(change)))
    session.show(table, "", _summary(plan))
    endangered = [change for change in plan.changes if change.endangers_data]
    if endangered:
        session.err.print(
            "\nThe red ones hold data. What is in the one that goes is not in the one that comes.", style=DANGER
        )
    if plan.not_seen is not None:
        session.err.print(f"\nCloudFormation does not look into the nested stacks: {plan.not_seen}", style="yellow")


def _summary(plan: Plan) -> Text:
    counts = {action: sum(change.action is action for change in plan.changes) for action in Action}
    return Text(", ".join(f"{count} to {action}" for action, count in counts.items() if count))


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
    """Shows what goes on until it is over: what is under way where somebody watches, else a line a resource."""
    err = session.err
    if session.as_json:
        for _ in events:
            pass
    elif not err.is_terminal:
        for event in events:
            if not event.status.endswith("_IN_PROGRESS"):
                err.print(_line(event))
    else:
        progress = Progress()
        with Live(progress, console=err, transient=True, refresh_per_second=8):
            for event in events:
                progress.note(event)


class Progress:
    """The resources under way, and how many are done."""

    def __init__(self) -> None:
        self._under_way: dict[str, Event] = {}
        self._done: set[str] = set()
        self._failed: list[Event] = []
        self._spinner = Spinner("dots", style="cyan")

    def note(self, event: Event) -> None:
        if event.status.endswith("_IN_PROGRESS"):
            self._under_way[event.resource] = event
            return
        self._under_way.pop(event.resource, None)
        if event.status.endswith("_FAILED"):
            self._failed.append(event)
        else:
            self._done.add(event.resource)

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for event in self._failed:
            table.add_row(Text("✗", "red"), _line(event))
        inner = [event for name, event in self._under_way.items() if not self._has_inner(name)]
        for event in inner[:SHOWN_UNDER_WAY]:
            table.add_row(self._spinner, _line(event))
        table.add_row("", Text(f"{len(self._done)} done, {len(inner)} under way", "dim"))
        return table

    def _has_inner(self, name: str) -> bool:
        """Whether what is under way is a nested stack, of which a resource is shown."""
        return any(other.startswith(f"{name}." if name else "") and other != name for other in self._under_way)


def _line(event: Event) -> Text:
    reason = f": {text.line(event.reason)}" if event.reason and event.status.endswith("_FAILED") else ""
    style = "red" if event.status.endswith("_FAILED") else "dim"
    return Text.assemble(
        event.resource or "the stack", " ", (f"{event.status.lower().replace('_', ' ')}{reason}", style)
    )


def show_holdings(session: Session, account: Account, inventory: Inventory) -> None:
    session.err.print(f"In {account.region} of account {account.id}, as {account.caller}", style="dim")
    table = tables.grid("resource", "name", "holds", "then")
    for holding in inventory.holdings:
        table.add_row(holding.resource, text.line(holding.name), *_fate(holding, inventory.fate))
    session.show(table, "")


def _fate(holding: Holding, fate: Fate) -> tuple[Text, Text]:
    thing = {BUCKET: "object version", QUEUE: "message"}.get(holding.kind, "item")
    full = bool(holding.count or holding.more)
    held = text.counted(holding.count, thing) + (" and more" if holding.more else "")
    held += " (logs)" if holding.is_log else ""
    lost = full and not holding.is_log
    then = Text("stays, without a stack", "yellow") if fate is Fate.KEEP else Text("deleted", DANGER if lost else "")
    return Text(held if full else "nothing", "" if full else "dim"), then


def tell_of_the_end(session: Session, name: str, inventory: Inventory) -> None:
    if inventory.fate is Fate.DELETE:
        session.err.print(f"{name} is gone, and its data with it.", style="green")
        return
    session.err.print(f"{name} is gone. These stay, and cost what they hold:", style="green")
    for holding in inventory.holdings:
        session.err.print(f"  {holding.name}")
