"""A session of one client."""

from __future__ import annotations

from typing import Any


class StubSession:
    """Stands in for boto3's session, which would look for credentials."""

    profile_name = "staging"

    def __init__(self, client: Any, region_name: str | None = "eu-central-1") -> None:
        self._client = client
        self.region_name = region_name

    def client(self, *_: object, **__: object) -> Any:
        return self._client
