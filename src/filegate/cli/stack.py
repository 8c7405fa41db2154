"""`filegate stack`: a deployment's stack in AWS, from its first resource to its last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from filegate.cli.shared import PROBLEM, Session, command, report

if TYPE_CHECKING:
    from filegate.deploy import Deployment, Plan
    from filegate.deploy.account import Account
    from filegate.deploy.environment import Environment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A deployment's stack in AWS: see what would change, deploy, remove.",
)

DIFFERENCES = 2
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AcceptLoss = Annotated[
    bool,
    typer.Option("--accept-loss", help="With --yes: even if something that holds data would not stay, or may not."),
]


@command(app)
def bootstrap(session: Session, yes: Yes = False, accept_loss: AcceptLoss = False) -> None:
    """Make the place for images and templates: once for an account and region, and after a change of its template."""
    from filegate.deploy.checkout import Checkout  # noqa: PLC0415
    from filegate.deploy.environment import Registry  # noqa: PLC0415

    account, checkout = _account(session), Checkout()
    deployment, parameters = Registry.deployment(account, checkout), Registry.parameters(checkout)
    _deploy(session, account, deployment, parameters, yes=yes, accept_loss=accept_loss)


@command(app)
def deploy(session: Session, yes: Yes = False, accept_loss: AcceptLoss = False) -> None:
    """Show what would change in the deployment that --environment names; ask; change it.

    With the images of the commit that is checked out. May be repeated: where nothing differs there is nothing to do.
    After Ctrl-C CloudFormation goes on by itself, and the same command follows it again.
    """
    environment = _environment(session)
    with session.waiting("Looking for images and parameters …"):
        deployment = environment.deployment()
        parameters = environment.parameters(environment.images())
    _deploy(session, environment.account, deployment, parameters, yes=yes, accept_loss=accept_loss)
    if not environment.close_default_security_group():
        session.err.print(
            "The default security group of the network, which nothing uses, is open still: these credentials may not "
            f"close it. Somebody who may runs, once: make deploy ENV={environment.name}",
            style="yellow",
        )


@command(app)
def diff(session: Session) -> int:
    """Show what `deploy` would change, and change nothing.

    Exit status: 0 nothing would change; 2 something would; 1 an error.
    """
    from filegate.cli.changes import show  # noqa: PLC0415
    from filegate.errors import WrongUse  # noqa: PLC0415

    try:
        environment = _environment(session)
        with session.waiting("Asking CloudFormation what would change …"):
            deployment = environment.deployment()
            plan = deployment.plan(environment.parameters(environment.images()))
            deployment.discard(plan)
    except WrongUse as error:
        report(session, error)
        return PROBLEM  # the exit status of wrong use stands for differences here
    if session.as_json:
        session.write(plan.to_json())
    else:
        show(session, environment.account, plan)
    return 0 if plan.empty else DIFFERENCES


@command(app)
def destroy(
    session: Session,
    data: Annotated[
        Literal["keep", "delete"] | None,
        typer.Option(
            help="What is to become of buckets, queues and ledger, where they would be left behind or lost.",
            show_default=False,
        ),
    ] = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The deployment's name once more, where nobody can type it when asked.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Remove the deployment that --environment names, once it is said what becomes of its data."""
    from filegate.cli import changes  # noqa: PLC0415
    from filegate.deploy import destroy as destruction  # noqa: PLC0415
    from filegate.errors import WrongUse  # noqa: PLC0415

    environment = _environment(session, declared=False)  # its parameter file may be gone before it
    wanted = destruction.Fate(data) if data else None
    with session.waiting("Looking at what it holds …"):
        inventory = destruction.take_inventory(environment.account, environment.stack_name)
    if not session.as_json:
        changes.show_holdings(session, environment.account, inventory)
    destruction.refuse(inventory, wanted)
    if confirm is None:
        _see_that_somebody_watches(
            session, f"Nothing was removed of {environment.name}.", "Say --confirm with its name."
        )
        confirm = typer.prompt(f"Type {environment.name} to remove it", err=True)
    if confirm != environment.name:
        raise WrongUse(f"{confirm!r} is not {environment.name!r}: nothing was removed.")
    with session.waiting("Emptying the buckets …"):
        events = destruction.destroy(environment.account, inventory)
    with _going_on(session, environment.stack_name):
        changes.watch(session, events)
    if session.as_json:
        session.write(
            {
                "stack": environment.stack_name,
                "data": inventory.fate,
                "held": [one.to_json() for one in inventory.holdings],
            }
        )
    else:
        changes.tell_of_the_end(session, environment.name, inventory)


def _deploy(
    session: Session,
    account: Account,
    deployment: Deployment,
    parameters: Mapping[str, str],
    *,
    yes: bool,
    accept_loss: bool,
) -> None:
    from filegate.cli import changes  # noqa: PLC0415
    from filegate.deploy.destroy import DataAtStake  # noqa: PLC0415

    if under_way := deployment.under_way():
        session.err.print(f"Stack {deployment.stack_name} is {under_way}: that comes first.", style="cyan")
        with _going_on(session, deployment.stack_name):
            changes.watch(session, deployment.follow())
    with session.waiting("Asking CloudFormation what would change …"):
        deployment.settle()
        plan = deployment.plan(parameters)
    if not session.as_json:
        changes.show(session, account, plan)
    if plan.empty:
        deployment.discard(plan)
    else:
        if not yes:
            _ask(session, deployment, plan)
        elif plan.endangers_data and not accept_loss:
            deployment.discard(plan)
            raise DataAtStake(
                f"Nothing was changed in {plan.stack}: what holds data would not stay, or nobody can see whether it "
                "would.",
                advice="Deploy without --yes, to be asked; or say --accept-loss as well.",
            )
        events = deployment.execute(plan)
        with _going_on(session, deployment.stack_name):
            changes.watch(session, events)
    if session.as_json:
        session.write({**plan.to_json(), "outputs": deployment.outputs()})
    else:
        changes.show_outputs(session, deployment.outputs())


def _ask(session: Session, deployment: Deployment, plan: Plan) -> None:
    """Ends the command, and forgets the plan, unless the answer is yes."""
    try:
        _see_that_somebody_watches(
            session, f"Nothing was changed in {plan.stack}.", "Look at the changes, and say --yes."
        )
        typer.confirm("Do that?", abort=True, err=True)
    except BaseException:
        deployment.discard(plan)
        raise


def _see_that_somebody_watches(session: Session, problem: str, advice: str) -> None:
    from filegate.errors import WrongUse  # noqa: PLC0415

    if not session.err.is_terminal or session.as_json:
        raise WrongUse(problem, advice=advice)


@contextmanager
def _going_on(session: Session, stack: str) -> Iterator[None]:
    """Says, if the block is interrupted, that CloudFormation is not."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        session.err.print(
            f"\nCloudFormation goes on with {stack} by itself. Follow it again with the same command.", style="yellow"
        )
        raise


def _environment(session: Session, *, declared: bool = True) -> Environment:
    """The deployment that --environment names; a slip in its name is told before AWS is asked anything.

    Args:
        session: of the command.
        declared: whether it has to have a parameter file.
    """
    from filegate.deploy.checkout import Checkout  # noqa: PLC0415
    from filegate.deploy.environment import Environment, check_name, check_parameters  # noqa: PLC0415
    from filegate.errors import WrongUse  # noqa: PLC0415

    name, checkout = session.settings.environment, Checkout()
    if name is None:
        raise WrongUse("Say which deployment.", advice="Name it with --environment, such as dev.")
    check_name(name)
    if declared:
        check_parameters(name, checkout)
    return Environment(name, _account(session), checkout)


def _account(session: Session) -> Account:
    """Whom the credentials at hand let in."""
    from filegate.deploy.account import account_of, aws_session  # noqa: PLC0415

    if session.err.is_terminal and not session.as_json:  # a line that stays: a profile may ask for an MFA code below it
        session.err.print("Asking AWS whom it lets in …", style="dim")
    return account_of(aws_session())
