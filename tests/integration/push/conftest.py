"""A container registry in ECR's place, with a password, and the API that ECR has beside it."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import boto3
import pytest

from filegate.deploy.account import Account
from filegate.deploy.checkout import Checkout
from filegate.deploy.image_registry import STAGES, ImageRegistry

from ... import docker_engine

REPOSITORY = Path(__file__).parents[3]
PASSWORD = "for-twelve-hours"
HASH = "$2b$05$abcdefghijklmnopqrstuuDaq.PeGr/s9T2DM9yAYUbwcYEdRf1fS"  # of it, by bcrypt
MANIFESTS = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json"


@dataclass
class LocalRegistry:
    """A registry on this machine."""

    address: str
    password: str = PASSWORD

    def get(self, path: str) -> tuple[dict[str, str], Any]:
        """The headers and the document of an answer."""
        login = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": MANIFESTS}
        request = urllib.request.Request(f"http://{self.address}/v2/{path}", headers=headers)
        with urllib.request.urlopen(request) as answer:
            return dict(answer.headers), json.load(answer)

    def digest(self, repository: str, tag: str) -> str | None:
        try:
            return self.get(f"{repository}/manifests/{tag}")[0]["Docker-Content-Digest"]
        except HTTPError as error:
            if error.code != 404:
                raise
            return None

    # ECR's part of the API.

    @property
    def exceptions(self) -> Any:
        return boto3.client("ecr", region_name="us-east-1").exceptions

    def describe_images(self, **wanted: Any) -> dict[str, Any]:
        digest = self.digest(wanted["repositoryName"], wanted["imageIds"][0]["imageTag"])
        if digest is None:
            raise self.exceptions.ImageNotFoundException({"Error": {}}, "DescribeImages")
        return {"imageDetails": [{"imageDigest": digest}]}

    def get_authorization_token(self) -> dict[str, Any]:
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        return {"authorizationData": [{"authorizationToken": token, "proxyEndpoint": f"https://{self.address}"}]}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    docker_engine.architecture("the push of images")
    found = subprocess.run([REPOSITORY / "scripts/docker-registry.sh"], capture_output=True, text=True, check=False)
    if found.returncode:
        docker_engine.missing(f"NOT TESTED: the push of images, for want of a registry: {found.stderr}")
    folder = tmp_path_factory.mktemp("registry")
    (folder / "users").write_text(f"AWS:{HASH}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder)}},
        "http": {"addr": address},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "users")}},
        "log": {"level": "error"},
    }
    (folder / "config.yml").write_text(json.dumps(settings))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([found.stdout.strip(), "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        registry = LocalRegistry(address)
        deadline = time.monotonic() + 60
        while not answers(registry):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield registry
    finally:
        process.terminate()
        process.wait()


def answers(registry: LocalRegistry) -> bool:
    try:
        registry.get("")
    except URLError as error:
        if isinstance(error, HTTPError):
            raise
        return False
    return True


class LocalSession(boto3.Session):
    """A session whose ECR is on this machine."""

    def __init__(self, registry: LocalRegistry) -> None:
        super().__init__(region_name="us-east-1")
        self._registry = registry

    def client(self, *args: Any, **kwargs: Any) -> Any:
        assert args == ("ecr",)
        return self._registry


@pytest.fixture
def account(registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account that was bootstrapped."""
    outputs = {f"{stage.title()}Repository": f"{registry.address}/filegate/{stage}" for stage in STAGES}
    monkeypatch.setattr(ImageRegistry, "of", classmethod(lambda cls, account: cls(account, outputs)))
    return Account(LocalSession(registry), "0" * 12, "us-east-1", "me")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone in which everything is committed."""
    folder = tmp_path_factory.mktemp("clone")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines():
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    for words in (["init"], ["add", "."], ["commit", "--message", "all of it"]):
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words, "--quiet"]
        subprocess.run(git if words != ["add", "."] else git[:-1], cwd=folder, check=True)
    return Checkout(folder)
