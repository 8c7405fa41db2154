"""The clone of the repository that a deployment is made from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from filegate.errors import WrongUse

_HERE = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Checkout:
    """A clone; the one that this command is part of, if no other is named.

    Attributes:
        folder: its uppermost.
    """

    folder: Path = _HERE

    @property
    def templates(self) -> Path:
        """The folder of the templates.

        Raises:
            WrongUse: it is not there: Filegate was installed without it.
        """
        folder = self.folder / "infra" / "cloudformation"
        if not folder.is_dir():
            raise WrongUse(f"There is no {folder}.", advice="Deploy from a clone of the repository.")
        return folder

    def revision(self) -> str:
        """The commit that is checked out.

        Raises:
            WrongUse: this is no clone.
        """
        return self._git("rev-parse", "HEAD")

    def clean_revision(self) -> str:
        """The commit that is checked out, if there is nothing but that.

        Raises:
            WrongUse: there are changes that no commit holds: nobody could say later what an image was built from.
        """
        if changed := self._git("status", "--porcelain").splitlines():
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise WrongUse(
                f"Not committed: {', '.join(line[3:] for line in changed[:3])}{more}.",
                advice="An image's tag is the commit that it was built from: commit, or stash, and push again.",
            )
        return self.revision()

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise WrongUse(
                f"{self.folder} is no clone of the repository: {done.stderr.strip()}",
                advice="An image's tag is the commit that it is built from: work in a clone.",
            )
        return done.stdout.rstrip()
