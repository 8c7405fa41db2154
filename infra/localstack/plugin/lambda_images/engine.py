"""The Docker engine: which container LocalStack itself is, which images there are, and what is to be removed."""

from __future__ import annotations

import functools
import platform
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import docker
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container

from lambda_images.container import OWNER, Host


@functools.cache
def client() -> docker.DockerClient:
    return docker.from_env(timeout=120, max_pool_size=64)


@functools.cache
def host() -> Host:
    """LocalStack's own container, whose name for Docker is by default the host name in it.

    Raises:
        DockerException: there is no engine behind the socket, or LocalStack runs in none of its containers.
    """
    own = client().containers.get(platform.node())
    return Host.of_container(own.name, own.labels, own.attrs["NetworkSettings"]["Networks"], client().info()["NCPU"])


def image_id(uri: str) -> str | None:
    """The id of the image as it is now, `sha256:…`; None if the engine does not have it."""
    try:
        return str(client().images.get(uri).id)
    except ImageNotFound:
        return None


def remove(container: Container) -> None:
    with suppress(DockerException):  # it is gone, or somebody else is removing it
        container.remove(force=True, v=True)


def remove_all() -> None:
    """Remove every function's container and volume of this LocalStack, also those that an earlier one left behind."""
    mine = {"label": f"{OWNER}={host().owner}"}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(remove, client().containers.list(all=True, filters=mine, ignore_removed=True)))
    client().volumes.prune(mine)
