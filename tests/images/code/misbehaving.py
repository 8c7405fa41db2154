"""Handlers that do what a function should not."""

import os
import time


def raises(event: object, context: object) -> None:
    raise ValueError("no good")


def exits(event: dict[str, bool], context: object) -> str:
    if event.get("exit"):
        os._exit(3)
    return "alive"


def sleeps(event: dict[str, float], context: object) -> str:
    time.sleep(event.get("seconds", 0))
    return "awake"


def talks(event: dict[str, int], context: object) -> str:
    return "x" * event["bytes"]
