"""A boto3 session bound to one endpoint, whatever the user's own AWS settings say."""

from __future__ import annotations

from typing import Any

import boto3


class EndpointSession(boto3.Session):
    """Clients and resources of this session go to `endpoint` unless a call names another endpoint."""

    def __init__(self, endpoint: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._endpoint = endpoint

    def client(self, *args: Any, **kwargs: Any) -> Any:
        return super().client(*args, **{"endpoint_url": self._endpoint, **kwargs})

    def resource(self, *args: Any, **kwargs: Any) -> Any:
        return super().resource(*args, **{"endpoint_url": self._endpoint, **kwargs})


def session_for(endpoint: str, region: str) -> boto3.Session:
    return EndpointSession(endpoint, region_name=region, aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106
