"""The images of a commit get into the registry once, whole and by digest; the password to it stays in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filegate.deploy import images
from filegate.deploy.account import Account
from filegate.deploy.checkout import Checkout
from filegate.deploy.image_registry import STAGES
from filegate.deploy.images import Image, NotPushed, push
from filegate.errors import WrongUse

from .conftest import LocalRegistry


@pytest.fixture
def pushed(account: Account, checkout: Checkout) -> list[Image]:
    """The images of the clone's only commit: built and pushed for the first test, found by the others."""
    return push(account, checkout)


def test_every_stage_s_image_is_there_under_the_commit(
    pushed: list[Image], registry: LocalRegistry, checkout: Checkout
) -> None:
    tag = checkout.revision()
    there = {
        stage: f"{registry.address}/filegate/{stage}@{registry.digest(f'filegate/{stage}', tag)}" for stage in STAGES
    }
    assert {image.stage: image.address for image in pushed} == there
    assert json.loads((checkout.folder / "build/images.json").read_text()) == {"revision": tag, "images": there}


@pytest.mark.parametrize("stage", STAGES)
def test_an_image_is_for_arm64_and_comes_without_attestations(
    pushed: list[Image], registry: LocalRegistry, checkout: Checkout, stage: str
) -> None:
    _, manifest = registry.get(f"filegate/{stage}/manifests/{checkout.revision()}")
    assert "manifests" not in manifest  # which an index has: of the image and what attests it
    _, config = registry.get(f"filegate/{stage}/blobs/{manifest['config']['digest']}")
    assert (config["os"], config["architecture"]) == ("linux", "arm64")
    assert config["config"]["Labels"]["org.opencontainers.image.revision"] == checkout.revision()


def test_what_is_there_is_neither_built_nor_pushed_again(
    pushed: list[Image], account: Account, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_build", "_push"):
        monkeypatch.setattr(images, name, lambda *_: pytest.fail("again"))
    again = push(account, checkout)
    assert [image.address for image in again] == [image.address for image in pushed]
    assert not any(image.pushed for image in again)


def test_only_what_is_committed_is_pushed(pushed: list[Image], account: Account, checkout: Checkout) -> None:
    changed = checkout.folder / "datasets/orders_changed.py"
    changed.write_text("")
    try:
        with pytest.raises(WrongUse, match=r"Not committed: datasets/orders_changed\.py\."):
            push(account, checkout)
    finally:
        changed.unlink()


def test_the_password_is_kept_nowhere(pushed: list[Image], registry: LocalRegistry) -> None:
    config = Path.home() / ".docker" / "config.json"
    assert not config.exists() or registry.address not in config.read_text()


def test_a_registry_that_refuses_says_why(
    pushed: list[Image],
    account: Account,
    registry: LocalRegistry,
    checkout: Checkout,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "password", "of yesterday")
    monkeypatch.setattr(registry, "digest", lambda *_: None)
    with pytest.raises(NotPushed, match="unauthorized"):
        push(account, checkout)


def test_an_engine_that_does_not_answer_is_told(
    pushed: list[Image],
    account: Account,
    registry: LocalRegistry,
    checkout: Checkout,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "digest", lambda *_: None)
    monkeypatch.setattr(images, "_build", lambda *_: None)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(NotPushed) as caught:
        push(account, checkout)
    assert caught.value.advice == "Check the Docker engine: docker info"
