"""The cloud a command talks to: a deployment by name, a running `filegate local`, or one made for the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filegate import operations
from filegate.cli.shared import DEFAULT_FOLDER, Session
from filegate.dataset.registry import Registry
from filegate.devcloud import running
from filegate.errors import NoCloud, WrongUse
from filegate.operations.deliver import check_declared

if TYPE_CHECKING:
    from filegate.devcloud.cloud import EmbeddedCloud
    from filegate.operations.cloud import Cloud


def connect(session: Session) -> Cloud:
    """The deployment that the command names, or else the running `filegate local`.

    Raises:
        NoCloud: there is none, or it cannot be reached with the credentials at hand.
        WrongUse: the running `filegate local` uses other datasets than those of the folder that was named.
    """
    cloud = connect_if_any(session)
    if cloud is None:
        raise NoCloud(
            "No cloud is running.", advice="Start one with `filegate local`, or name a deployment with --environment."
        )
    return cloud


def connect_if_any(session: Session) -> Cloud | None:
    """As `connect`, but None where neither a deployment is named nor a `filegate local` runs."""
    if session.environment is not None:
        return operations.cloud.connected(operations.cloud.STACK_PREFIX + session.environment)
    if local := running.running_local():
        if session.datasets is not None and (wanted := session.datasets.resolve()) != local.datasets.resolve():
            raise WrongUse(
                f"The running `filegate local` uses the datasets of {local.datasets}, not those of {wanted}.",
                advice="Stop it and start one with these, or omit --datasets and unset FILEGATE_DATASETS.",
            )
        from filegate.devcloud.session import session_for  # noqa: PLC0415 - brings boto3

        return operations.cloud.connected(operations.cloud.LOCAL_STACK, session_for(local.endpoint, "us-east-1"))
    return None


@contextmanager
def embedded(session: Session, datasets: Path, port: int = 0) -> Iterator[tuple[Cloud, EmbeddedCloud]]:
    """A cloud of this command's own, and what runs it; both end with the block.

    Raises:
        NoCloud: the "local" extra is not installed.
    """
    with ExitStack() as stack:
        with session.waiting("Starting a cloud on this machine …"):
            try:
                from filegate.devcloud.cloud import EmbeddedCloud  # noqa: PLC0415 - slow, and an extra of its own

                machinery = EmbeddedCloud(datasets=datasets, port=port)
            except ImportError as error:
                raise NoCloud(
                    f"The embedded cloud is not installed ({error.name} is missing).",
                    advice='pip install "filegate[local]"',
                ) from error
            outputs = stack.enter_context(machinery).deploy()
            cloud = operations.cloud.Cloud.of_session(operations.cloud.LOCAL_STACK, machinery.session(), outputs)
        yield cloud, machinery


@contextmanager
def connected_or_embedded(session: Session) -> Iterator[tuple[Cloud, bool]]:
    """The cloud as above, or else one that is made for this command and gone after it; and whether it is that."""
    if cloud := connect_if_any(session):
        yield cloud, False
    else:
        with embedded(session, session.datasets_folder()) as (cloud, _):
            yield cloud, True


def dataset_names(session: Session) -> list[str]:
    """The declared datasets: those of the folder that was named, of the running `filegate local`, or of ./datasets.

    Empty where the last does not exist: a deployment's datasets need not be on this machine.
    """
    if session.datasets is not None:
        return Registry(session.datasets_folder()).names()
    local = running.running_local() if session.environment is None else None
    folder = DEFAULT_FOLDER if local is None else local.datasets
    return Registry(folder).names() if folder.is_dir() else []


def refuse_unknown(session: Session, dataset: str | None) -> None:
    """Raises WrongUse if the dataset is not declared, as far as the declarations are on this machine."""
    if dataset is not None:
        check_declared(dataset, dataset_names(session))
