"""Says whether every init script of the LocalStack around it was successful.

ready.py          at once: its container's health check
ready.py --wait   when they have ended; prints what went wrong
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path

ADDRESS = "http://localhost:4566/_localstack/init/ready"
FAILURE = Path("/tmp/deploy-failure.txt")  # noqa: S108 - of the container; written by 10-deploy.sh
WAIT_SECONDS = 300.0
POLL_SECONDS = 0.2


def states() -> dict[str, str]:
    """The state of each init script by its name; empty while they wait for their turn."""
    try:
        with urllib.request.urlopen(ADDRESS, timeout=4) as answer:
            scripts = json.load(answer)["scripts"]
    except OSError:
        return {}
    return {script["name"]: script["state"] for script in scripts}


def main(*, wait: bool) -> None:
    deadline = time.monotonic() + (WAIT_SECONDS if wait else 0)
    while True:
        found = states()
        if found and set(found.values()) == {"SUCCESSFUL"}:
            return
        if "ERROR" in found.values() or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    reason = FAILURE.read_text() if "ERROR" in found.values() and FAILURE.exists() else ""
    sys.exit(f"LocalStack is not ready. Its init scripts: {found or 'not started'}.\n{reason}")


if __name__ == "__main__":
    main(wait="--wait" in sys.argv[1:])
