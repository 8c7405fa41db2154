"""The command line: thin, all that it does is in `filegate.operations`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """The `filegate` command."""
    from filegate.cli.app import app  # noqa: PLC0415 - so that `import filegate.cli` costs nothing

    # An end that is asked for politely is an end like Ctrl-C: clouds are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()
