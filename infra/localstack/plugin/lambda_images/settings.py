"""The plugin's settings, which are environment variables of LocalStack."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


class WrongSetting(ValueError):
    """A variable has a value that is not allowed."""


@dataclass(frozen=True)
class Settings:
    """The plugin's settings.

    Attributes:
        cpu_share: LAMBDA_IMAGES_CPU_SHARE=1 gives a function the share of a processor that Lambda gives it for its
            memory; otherwise it may use all there are.
        parallel: LAMBDA_IMAGES_PARALLEL, invocations that run at the same time; further ones wait, and their time-out
            does not run meanwhile. As many as there are processors if None.
    """

    cpu_share: bool = False
    parallel: int | None = None

    @classmethod
    def of_environment(cls, variables: Mapping[str, str] = os.environ) -> Settings:
        """Reads the variables; an empty one counts as not set.

        Raises:
            WrongSetting: one has a value that is not allowed.
        """
        share = variables.get("LAMBDA_IMAGES_CPU_SHARE") or "0"
        if share not in ("0", "1"):
            raise WrongSetting(f"LAMBDA_IMAGES_CPU_SHARE is {share!r}. Allowed are 0 and 1.")
        parallel = variables.get("LAMBDA_IMAGES_PARALLEL") or None
        if parallel is not None and not (parallel.isdecimal() and int(parallel) > 0):
            raise WrongSetting(f"LAMBDA_IMAGES_PARALLEL is {parallel!r}. Allowed are whole numbers from 1 up.")
        return cls(cpu_share=share == "1", parallel=None if parallel is None else int(parallel))
