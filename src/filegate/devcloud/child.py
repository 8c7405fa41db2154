"""The first code of a function's process: `python -m filegate.devcloud.child HANDLER`.

Runs awslambdaric, AWS's own runtime, in this process, and ends the process as soon as the cloud that started it is
gone, however it went: standard input is a pipe that only the cloud holds the other end of, so the kernel closes it even
on SIGKILL.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import threading


def _end_with_parent() -> None:
    lifeline = os.dup(0)
    with open(os.devnull) as nothing:  # noqa: PTH123 - os.devnull is no path to compose
        os.dup2(nothing.fileno(), 0)

    def watch() -> None:
        os.read(lifeline, 1)
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    if importlib.util.find_spec("runtime_client") is None:
        sys.modules["runtime_client"] = importlib.import_module("filegate.devcloud.runtime_client")
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
