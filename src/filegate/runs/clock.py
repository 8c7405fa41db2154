"""The system's clock, and the times that somebody else wrote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

now: Callable[[], datetime] = partial(datetime.now, UTC)


def moment(text: str) -> datetime | None:
    """The time that somebody else wrote; None if it is none, or does not say in which zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
