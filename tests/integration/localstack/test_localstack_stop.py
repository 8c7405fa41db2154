"""Nothing of it stays behind, however LocalStack ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stack import Stack, invoke, run, running


@pytest.fixture
def busy(images: None) -> Iterator[Stack]:
    """A stack of the test's own, with a function's container in it."""
    with running(Stack()) as stack:
        invoke(stack, "filegate-local-output", no="run")
        assert stack.of_functions()
        yield stack


def test_stopping_removes_the_functions_containers(busy: Stack) -> None:
    busy.compose("stop", "localstack")
    assert busy.of_functions() == []


def test_after_a_crash_the_next_start_removes_them(busy: Stack) -> None:
    run("docker", "kill", busy.container)
    (left_behind,) = busy.of_functions()
    busy.start()
    assert busy.wait().returncode == 0
    assert left_behind not in busy.of_functions()


def test_after_a_crash_taking_it_down_leaves_nothing(busy: Stack) -> None:
    run("docker", "kill", busy.container)
    busy.stop()
    assert busy.of_functions() == []
    assert not busy.left()
