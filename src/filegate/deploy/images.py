"""Build the stages' images from a commit of the repository, and push each of them once."""

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
from filegate.deploy.image_registry import STAGES, ImageRegistry
from filegate.errors import FilegateError

PLATFORM = "linux/arm64"  # what the functions run on
RECORD = Path("build/images.json")
PUSH_TIMEOUT = 600  # seconds without an answer of the Docker engine
MAX_BUILD_OUTPUT = 2_000  # characters of it in an error message


class NotBuilt(FilegateError):
    """An image could not be built."""


class NotPushed(FilegateError):
    """An image could not be pushed to the registry."""


@dataclass(frozen=True)
class Image:
    """A stage's image in the registry."""

    stage: str
    address: str  # by digest
    pushed: bool  # now; False if the registry had it

    def to_json(self) -> dict[str, object]:
        """`stage`, `image`, `pushed`."""
        return {"stage": self.stage, "image": self.address, "pushed": self.pushed}


def push(account: Account, checkout: Checkout, *, report: Callable[[str], None] = lambda _: None) -> list[Image]:
    """Build the images of the checked-out commit, and push those that the registry does not have yet.

    An existing tag is never overwritten. The addresses are written to build/images.json, too. `report` receives a line
    before each step.

    Raises:
        WrongUse: there are uncommitted changes.
        NotBootstrapped: the account has no registry yet.
        NotBuilt: an image could not be built.
        NotPushed: the Docker engine does not answer, or the registry refused an image.
    """
    tag = checkout.clean_revision()
    registry = ImageRegistry.of(account)
    images = []
    for stage in STAGES:
        address = existing = registry.image(stage, tag)
        if address is None:
            repository = registry.repository(stage)
            report(f"Building {stage} …")
            _build(checkout.folder, stage, repository, tag)
            report(f"Pushing {stage} …")
            address = f"{repository}@{_push(repository, tag, _login(account))}"
        images.append(Image(stage, address, pushed=existing is None))
    record = {"revision": tag, "images": {image.stage: image.address for image in images}}
    file = checkout.folder / RECORD
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{json.dumps(record, indent=2)}\n")
    return images


def _build(folder: Path, stage: str, repository: str, tag: str) -> None:
    environment = os.environ | {"PLATFORM": PLATFORM, "REPOSITORY": repository.removesuffix(f"/{stage}"), "TAG": tag}
    built = subprocess.run(  # noqa: S603
        [folder / "scripts/build-images.sh", stage], env=environment, capture_output=True, text=True, check=False
    )
    if built.returncode:
        raise NotBuilt(f"The image of {stage} could not be built.\n{built.stderr[-MAX_BUILD_OUTPUT:]}")


def _login(account: Account) -> dict[str, str]:
    """User name and password for the registry, valid for twelve hours; they are never written to disk."""
    (granted,) = account.session.client("ecr").get_authorization_token()["authorizationData"]
    name, _, password = base64.b64decode(granted["authorizationToken"]).decode().partition(":")
    return {"username": name, "password": password}


def _push(repository: str, tag: str, login: Mapping[str, str]) -> str:
    """Let the Docker engine push an image; returns its digest in the registry.

    The password goes through the engine's socket, not into a file or onto a command line.
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
            f"{repository}:{tag} was not pushed: {error}", advice="Check the Docker engine: docker info"
        ) from error
    if digest is None:
        raise NotPushed(f"{repository}:{tag} was pushed, but the Docker engine reported no digest.")
    return str(digest)


def _engine() -> APIClient:
    """A client of the engine that the `docker` command uses."""
    settings = kwargs_from_env()
    if "base_url" not in settings:
        context = ContextAPI.get_current_context()
        return APIClient(context.Host, version="auto", timeout=PUSH_TIMEOUT, tls=context.TLSConfig or False)
    return APIClient(version="auto", timeout=PUSH_TIMEOUT, **settings)
