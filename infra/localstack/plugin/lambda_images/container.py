"""What a function's container is made of: from the function's configuration, and from where LocalStack itself runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWNER = "lambda-images.owner"
_COMPOSE = "com.docker.compose."
_MEMORY_OF_ONE_PROCESSOR = 1769  # MB; https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_USER = "993:990"  # sbx_user1051, as which Lambda runs every function
_PROCESSES = _OPEN_FILES = 1024  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html


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


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a container is made of; memory in MB, time-out in seconds.

    `entrypoint`, `command` and `directory` come from the function's ImageConfig; None leaves the image's own.
    """

    name: str
    image: str
    variables: Mapping[str, str]
    memory: int
    timeout: int
    cpu_share: bool
    entrypoint: list[str] | None = None
    command: list[str] | None = None
    directory: str | None = None

    def options(self, host: Host) -> dict[str, Any]:
        """How Docker is asked for it."""
        labels, memory = host.labels(self.image), f"{self.memory}m"
        options: dict[str, Any] = {
            "image": self.image,
            "name": self.name,
            "environment": dict(self.variables),
            "labels": labels,
            "network": host.network,
            "mem_limit": memory,
            "memswap_limit": memory,  # no swap besides
            "pids_limit": _PROCESSES,
            "ulimits": [{"name": "nofile", "soft": _OPEN_FILES, "hard": _OPEN_FILES}],
            "user": _USER,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "read_only": True,
            # A volume: what is written to a tmpfs counts as memory. Its size is not limited.
            "mounts": [{"Type": "volume", "Target": "/tmp", "VolumeOptions": {"Labels": labels}}],  # noqa: S108
        }
        given = {"entrypoint": self.entrypoint, "command": self.command, "working_dir": self.directory}
        options |= {name: value for name, value in given.items() if value}
        if self.cpu_share:
            share = min(self.memory / _MEMORY_OF_ONE_PROCESSOR, host.processors)
            options["nano_cpus"] = int(share * 1e9)
        return options
