"""The Docker engine, and LocalStack's own place in it: its network, its name there, the labels for what it starts."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container

OWNER = "lambda-images.owner"
_COMPOSE = "com.docker.compose."


@functools.cache
def client() -> docker.DockerClient:
    return docker.from_env(timeout=120, max_pool_size=64)


@dataclass(frozen=True)
class Host:
    """LocalStack's own container.

    Attributes:
        owner: what the containers are labelled with, so that the next start finds those a crash left behind.
        project: the compose project, if it is part of one.
        network: the network that functions join.
        address: LocalStack's name on it.
        processors: of the machine.
    """

    owner: str
    project: str | None
    network: str
    address: str
    processors: int

    def labels(self, image: str) -> dict[str, str]:
        """Labels of a function's container.

        A compose file with a service named like the image (`web/ingest:1` → `ingest`), kept at `scale: 0`, has it
        among its own: `docker compose logs`, `ps` and `down` include it.
        """
        labels = {OWNER: self.owner}
        if self.project:
            service = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
            labels |= {
                f"{_COMPOSE}project": self.project,
                f"{_COMPOSE}service": service,
                f"{_COMPOSE}oneoff": "False",
                f"{_COMPOSE}container-number": "1",
                f"{_COMPOSE}config-hash": "",
            }
        return labels

    @classmethod
    def of_container(cls, name: str, labels: Mapping[str, str], networks: Mapping[str, Any], processors: int) -> Host:
        """Reads what the engine says about LocalStack's container."""
        project, service = labels.get(f"{_COMPOSE}project"), labels.get(f"{_COMPOSE}service")
        network = next(iter(networks))
        return cls(
            owner=project or name,
            project=project,
            network=network,
            address=service or networks[network]["IPAddress"],
            processors=processors,
        )


@functools.cache
def host() -> Host:
    """LocalStack's own container, which Docker names by the host name in it unless told otherwise.

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


def pull(uri: str) -> None:
    client().images.pull(uri)


def remove(container: Container) -> None:
    with suppress(DockerException):  # it is gone, or somebody else is removing it
        container.remove(force=True, v=True)


def remove_all() -> None:
    """Remove every function's container of this LocalStack, also those that an earlier one left behind."""
    mine = {"label": f"{OWNER}={host().owner}"}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(remove, client().containers.list(all=True, filters=mine, ignore_removed=True)))
