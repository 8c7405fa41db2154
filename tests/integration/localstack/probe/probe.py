"""A function that does what its event says: shows its surroundings, fails, hangs, dies."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

BORN = time.time()
CGROUP = Path("/sys/fs/cgroup")
LIMITS = {  # where cgroup v2 and v1 have them
    "memory": ("memory.max", "memory/memory.limit_in_bytes"),
    "memory and swap": ("memory.swap.max", "memory/memory.memsw.limit_in_bytes"),
    "cpu": ("cpu.max", "cpu/cpu.cfs_quota_us"),
}


class FileRejected(Exception):
    """As a handler would raise."""


def handle(event: dict[str, Any], context: Any) -> Any:
    what = event.get("do", "look")
    print(f"does {what} for {context.aws_request_id}")  # noqa: T201 - what a test looks for in the log
    if what == "look":
        return look(context)
    if what == "raise":
        raise FileRejected("the header is missing")
    if what == "sleep":
        time.sleep(event["seconds"])
    if what == "exit":
        os._exit(3)
    if what == "eat":
        eaten = []
        while True:
            eaten.append(bytearray(os.urandom(1) * (8 << 20)))
    return {"host": os.uname().nodename, "born": BORN}


def look(context: Any) -> dict[str, Any]:
    return {
        "variables": dict(os.environ),
        "limits": {name: limit(*files) for name, files in LIMITS.items()},
        "user": os.getuid(),
        "directory": str(Path.cwd()),
        "read-only root": not writes(Path("/var/task/written")),
        "writes /tmp": writes(Path("/tmp/written")),
        "milliseconds left": context.get_remaining_time_in_millis(),
        "memory in MB": context.memory_limit_in_mb,
        "function": context.function_name,
        "host": os.uname().nodename,
        "born": BORN,
    }


def limit(*files: str) -> str | None:
    return next((path.read_text().strip() for file in files if (path := CGROUP / file).exists()), None)


def writes(path: Path) -> bool:
    try:
        path.write_bytes(b"x" * (1 << 20))
    except OSError:
        return False
    return True
