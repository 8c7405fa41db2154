"""The stages' images: built from a revision of the repository, and pushed once for good."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from docker import APIClient
from docker.context import ContextAPI
from docker.errors import DockerException
from docker.utils import kwargs_from_env

from filegate.deploy.account import Account
from filegate.deploy.checkout import Checkout
from filegate.deploy.environment import STAGES, Registry
from filegate.errors import FilegateError

PLATFORM = "linux/arm64"  # what the functions run on
RECORD = Path("build/images.json")
PUSH_SECONDS = 600  # without a sign of life
MAX_TOLD = 2_000  # characters of what a build said


class NotBuilt(FilegateError):
    """An image could not be built."""


class NotPushed(FilegateError):
    """An image did not get into the registry, or another one did."""


@dataclass(frozen=True)
class Image:
    """A stage's image in the registry.

    Attributes:
        stage: whose.
        address: in the registry, by digest.
        pushed: whether it was pushed just now; False if it was there.
    """

    stage: str
    address: str
    pushed: bool

    def to_json(self) -> dict[str, object]:
        """`stage`, `image`, `pushed`."""
        return {"stage": self.stage, "image": self.address, "pushed": self.pushed}


def push(account: Account, checkout: Checkout, *, tell: Callable[[str], None] = lambda _: None) -> list[Image]:
    """Build the images of the commit that is checked out, and push those that the registry does not have yet.

    A tag never gets another image. The addresses are kept in build/images.json, too.

    Args:
        account: whose registry.
        checkout: the repository.
        tell: is told what goes on.

    Raises:
        WrongUse: not everything is committed.
        NotBootstrapped: there is no registry.
        NotBuilt: an image could not be built.
        NotPushed: no Docker engine answers, or the registry did not take an image.
    """
    tag = checkout.clean_revision()
    registry = Registry.of(account)
    images = []
    for stage in STAGES:
        there = registry.image(stage, tag)
        images.append(Image(stage, there or _built_and_pushed(registry, checkout, stage, tag, tell), there is None))
    record = {"revision": tag, "images": {image.stage: image.address for image in images}}
    file = checkout.folder / RECORD
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{json.dumps(record, indent=2)}\n")
    return images


def _built_and_pushed(registry: Registry, checkout: Checkout, stage: str, tag: str, tell: Callable[[str], None]) -> str:
    """The address of an image that the registry did not have, by digest."""
    repository = registry.repository(stage)
    tell(f"Building {stage} …")
    _build(checkout.folder, stage, repository, tag)
    tell(f"Pushing {stage} …")
    return f"{repository}@{_push(repository, tag, _login(registry.account))}"


def _build(folder: Path, stage: str, repository: str, tag: str) -> None:
    environment = {
        **os.environ,
        "PLATFORM": PLATFORM,
        "REPOSITORY": repository.removesuffix(f"/{stage}"),
        "TAG": tag,
    }
    built = subprocess.run(  # noqa: S603
        [folder / "scripts/build-images.sh", stage], env=environment, capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise NotBuilt(f"The image of {stage} could not be built.\n{built.stderr[-MAX_TOLD:]}")


def _login(account: Account) -> dict[str, str]:
    """A name and a password for the registry, good for twelve hours: for this process's memory only."""
    (granted,) = account.ecr.get_authorization_token()["authorizationData"]
    name, _, password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")
    return {"username": name, "password": password}


def _push(repository: str, tag: str, login: Mapping[str, str]) -> str:
    """Let the Docker engine push an image; returns the registry's digest of it.

    The password goes through the engine's socket: into no file, and on no command line.
    """
    digest = None
    try:
        with closing(_engine()) as engine:
            for line in engine.push(repository, tag, auth_config=dict(login), stream=True, decode=True):
                if "error" in line:
                    raise NotPushed(f"{repository}:{tag} was not pushed: {line['error']}")
                digest = line.get("aux", {}).get("Digest", digest)
    except DockerException as error:
        raise NotPushed(
            f"{repository}:{tag} was not pushed: {error}", advice="Look at the Docker engine: docker info"
        ) from error
    if digest is None:
        raise NotPushed(f"{repository}:{tag} was pushed, but the Docker engine tells no digest.")
    return str(digest)


def _engine() -> APIClient:
    """The engine that the `docker` command talks to."""
    settings = kwargs_from_env()
    if "base_url" not in settings:
        context = ContextAPI.get_current_context()
        return APIClient(context.Host, version="auto", timeout=PUSH_SECONDS, tls=context.TLSConfig or False)
    return APIClient(version="auto", timeout=PUSH_SECONDS, **settings)
