"""The clone of the repository that a deployment is made from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from filegate.errors import WrongUse

_HERE = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Checkout:
    """A clone with the root `folder`; by default the one that this code runs from."""

    folder: Path = _HERE

    @property
    def templates(self) -> Path:
        """The folder of the templates.

        Raises:
            WrongUse: it does not exist: Filegate was installed without it.
        """
        folder = self.folder / "infra" / "cloudformation"
        if not folder.is_dir():
            raise WrongUse(f"There is no {folder}.", advice="Deploy from a clone of the repository.")
        return folder

    def revision(self) -> str:
        """The checked-out commit.

        Raises:
            WrongUse: this is not a clone.
        """
        return self._git("rev-parse", "HEAD")

    def clean_revision(self) -> str:
        """The checked-out commit, if the working tree is clean.

        Raises:
            WrongUse: there are uncommitted changes, so that an image could not be traced to its source.
        """
        if changed := self._git("status", "--porcelain").splitlines():
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise WrongUse(
                f"Not committed: {', '.join(line[3:] for line in changed[:3])}{more}.",
                advice="An image's tag is the commit it is built from: commit or stash the changes, and push again.",
            )
        return self.revision()

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise WrongUse(
                f"{self.folder} is not a clone of the repository: {done.stderr.strip()}",
                advice="An image's tag is the commit it is built from: work in a clone.",
            )
        return done.stdout.rstrip()
