"""The embedded cloud: Filegate's whole pipeline in one process tree, without Docker and without an AWS account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filegate.devcloud.cloud import EmbeddedCloud

__all__ = ["EmbeddedCloud"]


def __getattr__(name: str) -> Any:
    """Imports on first use: commands look for a running cloud without bringing one."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from filegate.devcloud.cloud import EmbeddedCloud  # noqa: PLC0415 - see above

    return EmbeddedCloud
