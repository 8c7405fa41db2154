"""Runs `filegate demo` and writes what it prints to docs/demo.svg, in its colours: the picture in the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 110
PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"


def main() -> None:
    program = str(Path(sys.executable).with_name("filegate"))
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    done = subprocess.run([program, "demo"], env=environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123
    console.print(Text("$ make demo\n", style="bold"))
    console.print(Text.from_ansi(done.stdout))
    picture = console.export_svg(title="filegate demo")
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))  # fetches nothing when shown


if __name__ == "__main__":
    main()
