"""`filegate stack`: create, change and remove an environment's stack in AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer

from filegate.cli import changes
from filegate.cli.shared import PROBLEM, Session, command, report
from filegate.deploy import ChangeSet, Deployment
from filegate.deploy import destroy as destruction
from filegate.deploy.account import Account, account_of, aws_session
from filegate.deploy.checkout import Checkout
from filegate.deploy.destroy import DataAtStake, DataPolicy
from filegate.deploy.environment import Environment
from filegate.deploy.events import Event
from filegate.deploy.image_registry import ImageRegistry
from filegate.deploy.parameters import check_name, check_parameters
from filegate.errors import WrongUse

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="An environment's stack in AWS: show changes, deploy, remove."
)

DIFFERENCES = 2
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
AcceptLoss = Annotated[
    bool,
    typer.Option("--accept-loss", help="With --yes: deploy even if a resource that holds data is or may be replaced."),
]


@command(app)
def bootstrap(session: Session, yes: Yes = False, accept_loss: AcceptLoss = False) -> None:
    """Create the registry for images and templates: once per account and region, and when its template changes."""
    account, checkout = _account(session), Checkout()
    deployment, parameters = ImageRegistry.deployment(account, checkout), ImageRegistry.parameters(checkout)
    _deploy(session, account, deployment, parameters, yes=yes, accept_loss=accept_loss)


@command(app)
def deploy(session: Session, yes: Yes = False, accept_loss: AcceptLoss = False) -> None:
    """Show what would change in the environment that --environment names, ask for confirmation, and change it.

    Uses the images of the checked-out commit. Idempotent: if nothing differs, there is nothing to do.
    After Ctrl-C CloudFormation continues; run the same command to follow it again.
    """
    environment = _environment(session)
    with session.waiting("Looking up images and parameters …"):
        deployment = environment.deployment()
        parameters = environment.parameters(environment.images())
    _deploy(session, environment.account, deployment, parameters, yes=yes, accept_loss=accept_loss)
    if not environment.close_default_security_group():
        session.err.print(
            "The network's default security group, which nothing uses, still has rules: these credentials have no "
            f"permission to remove them. Run once with credentials that have it: make deploy ENV={environment.name}",
            style="yellow",
        )


@command(app)
def diff(session: Session) -> int:
    """Show what `deploy` would change, and change nothing.

    Exit status: 0 no changes; 2 changes; 1 an error.
    """
    try:
        environment = _environment(session)
        with session.waiting("Creating a change set …"):
            deployment = environment.deployment()
            change_set = deployment.create_change_set(environment.parameters(environment.images()))
            deployment.delete_change_set(change_set)
    except WrongUse as error:
        report(session, error)
        return PROBLEM  # here the exit status of wrong use means differences
    if session.as_json:
        session.write(change_set.to_json())
    else:
        changes.show(session, environment.account, change_set)
    return 0 if change_set.empty else DIFFERENCES


@command(app)
def destroy(
    session: Session,
    data: Annotated[
        DataPolicy | None,
        typer.Option(
            help="What happens to buckets, queues and ledger; required if they would be left behind or lost.",
            show_default=False,
        ),
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The environment's name again, instead of typing it at the prompt.", show_default=False
        ),
    ] = None,
) -> None:
    """Remove the environment that --environment names, after a decision about its data."""
    environment = _environment(session, declared=False)  # its parameter file may be deleted already
    with session.waiting("Listing its data …"):
        inventory = destruction.take_inventory(environment.account, environment.stack_name)
    if not session.as_json:
        changes.show_inventory(session, environment.account, inventory)
    destruction.check_policy(inventory, data)
    if confirm is None:
        _require_terminal(session, f"Nothing was removed of {environment.name}.", "Pass --confirm with its name.")
        confirm = typer.prompt(f"Type {environment.name} to remove it", err=True)
    if confirm != environment.name:
        raise WrongUse(f"{confirm!r} is not {environment.name!r}: nothing was removed.")
    with session.waiting("Emptying the buckets …"):
        events = destruction.destroy(environment.account, inventory)
    _watch(session, environment.stack_name, events)
    if session.as_json:
        held = [resource.to_json() for resource in inventory.resources]
        session.write({"stack": environment.stack_name, "data": inventory.policy, "held": held})
    else:
        changes.show_removed(session, environment.name, inventory)


def _deploy(
    session: Session,
    account: Account,
    deployment: Deployment,
    parameters: Mapping[str, str],
    *,
    yes: bool,
    accept_loss: bool,
) -> None:
    if status := deployment.in_progress():
        session.err.print(f"Stack {deployment.stack_name} is {status}: waiting for that first.", style="cyan")
        _watch(session, deployment.stack_name, deployment.follow())
    with session.waiting("Creating a change set …"):
        deployment.wait_until_ready()
        change_set = deployment.create_change_set(parameters)
    if not session.as_json:
        changes.show(session, account, change_set)
    if change_set.empty:
        deployment.delete_change_set(change_set)
    else:
        if not yes:
            _confirm(session, deployment, change_set)
        elif change_set.endangers_data and not accept_loss:
            deployment.delete_change_set(change_set)
            raise DataAtStake(
                f"Nothing was changed in {change_set.stack}: resources that hold data would be removed or replaced, "
                "or nobody can see whether they would.",
                advice="Deploy without --yes to be asked, or add --accept-loss.",
            )
        _watch(session, deployment.stack_name, deployment.execute(change_set))
    if session.as_json:
        session.write({**change_set.to_json(), "outputs": deployment.outputs()})
    else:
        changes.show_outputs(session, deployment.outputs())


def _confirm(session: Session, deployment: Deployment, change_set: ChangeSet) -> None:
    """Ends the command, and deletes the change set, unless the answer is yes."""
    try:
        _require_terminal(
            session, f"Nothing was changed in {change_set.stack}.", "Review the changes, then pass --yes."
        )
        typer.confirm("Deploy these changes?", abort=True, err=True)
    except BaseException:
        deployment.delete_change_set(change_set)
        raise


def _require_terminal(session: Session, problem: str, advice: str) -> None:
    if not session.err.is_terminal or session.as_json:
        raise WrongUse(problem, advice=advice)


def _watch(session: Session, stack: str, events: Iterable[Event]) -> None:
    """Show events until they end; on an interrupt, say that CloudFormation continues."""
    try:
        changes.watch(session, events)
    except (KeyboardInterrupt, SystemExit):
        session.err.print(
            f"\nCloudFormation continues with {stack}. Run the same command to follow it again.", style="yellow"
        )
        raise


def _environment(session: Session, *, declared: bool = True) -> Environment:
    """The environment that --environment names, checked before AWS is called; `declared`: in a parameter file."""
    name, checkout = session.environment, Checkout()
    if name is None:
        raise WrongUse("No environment is given.", advice="Pass --environment, such as dev.")
    check_name(name)
    if declared:
        check_parameters(name, checkout)
    return Environment(name, _account(session), checkout)


def _account(session: Session) -> Account:
    """The account of the current credentials."""
    if session.err.is_terminal and not session.as_json:  # a line, not a spinner: a profile may prompt for an MFA code
        session.err.print("Signing in to AWS …", style="dim")
    return account_of(aws_session())
