"""The cloud a command talks to: a deployment by name, a running `filegate local`, or one made for the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict

from filegate.aws import AwsError, explained
from filegate.deploy.account import aws_session
from filegate.devcloud.running import RunningLocal, running_local
from filegate.errors import NoCloud, WrongUse
from filegate.operations.cloud import LOCAL_STACK, STACK_PREFIX, Cloud, stack_outputs


class ClientSettings(BaseSettings):
    """What a command is told by `FILEGATE_…` variables, or by its options.

    Attributes:
        environment: name of the deployment; None: the running `filegate local`.
        datasets: the folder of the declared datasets.
    """

    model_config = SettingsConfigDict(env_prefix="FILEGATE_", frozen=True)

    environment: str | None = None
    datasets: Path = Path("datasets")


def connect(settings: ClientSettings) -> Cloud:
    """The deployment that the settings name, or else the running `filegate local`.

    Raises:
        NoCloud: there is none, or it cannot be reached with the credentials at hand.
        WrongUse: the running `filegate local` uses other datasets than those of the folder that was named.
    """
    cloud = connect_if_any(settings)
    if cloud is None:
        raise NoCloud(
            "No cloud is running.", advice="Start one with `filegate local`, or name a deployment with --environment."
        )
    return cloud


def connect_if_any(settings: ClientSettings) -> Cloud | None:
    """As `connect`, but None where neither a deployment is named nor a `filegate local` runs.

    Raises:
        NoCloud: the deployment that is named, or the running `filegate local`, cannot be reached.
        WrongUse: the running `filegate local` uses other datasets than those of the folder that was named.
    """
    try:
        if settings.environment is not None:
            return _deployed(settings.environment)
        if local := running_local():
            _check_datasets(settings, local)
            from filegate.devcloud.session import session_for  # noqa: PLC0415 - needed by this kind of cloud alone

            session = session_for(local.endpoint, "us-east-1")
            return Cloud.of_session(LOCAL_STACK, session, stack_outputs(session, LOCAL_STACK))
    except AwsError as error:
        raise explained(error) from error
    return None


@contextmanager
def embedded(datasets: Path, port: int = 0) -> Iterator[tuple[Cloud, Any]]:
    """A cloud of this command's own, and the `EmbeddedCloud` behind it; it ends with the block.

    Raises:
        NoCloud: the "local" extra is not installed.
    """
    try:
        from filegate.devcloud import EmbeddedCloud  # noqa: PLC0415 - slow, and an extra of its own

        machinery = EmbeddedCloud(datasets=datasets, port=port)
    except ImportError as error:
        raise NoCloud(
            f"The embedded cloud is not installed ({error.name} is missing).", advice='pip install "filegate[local]"'
        ) from error
    with machinery:
        outputs = machinery.deploy()
        yield Cloud.of_session(LOCAL_STACK, machinery.session(), outputs), machinery


def _check_datasets(settings: ClientSettings, local: RunningLocal) -> None:
    """Sees that a running `filegate local` holds files against the datasets that the user named, if any."""
    wanted = settings.datasets.resolve()
    if "datasets" in settings.model_fields_set and wanted != local.datasets.resolve():
        raise WrongUse(
            f"The running `filegate local` uses the datasets of {local.datasets}, not those of {wanted}.",
            advice="Stop it and start one with these, or leave --datasets and FILEGATE_DATASETS away.",
        )


def _deployed(environment: str) -> Cloud:
    session = aws_session()
    stack = STACK_PREFIX + environment
    return Cloud.of_session(stack, session, stack_outputs(session, stack))
