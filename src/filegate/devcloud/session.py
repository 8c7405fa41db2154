"""A boto3 session bound to one endpoint, whatever the user's own AWS settings say."""

from __future__ import annotations

from typing import Any

import boto3


class EndpointSession(boto3.Session):
    """Clients and resources of this session go to `endpoint` unless a call names another endpoint."""

    def __init__(self, endpoint: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._endpoint = endpoint

    def client(self, *args: Any, **kwargs: Any) -> Any:  # resources are made of clients
        return super().client(*args, **{**kwargs, "endpoint_url": kwargs.get("endpoint_url") or self._endpoint})


def session_for(endpoint: str, region: str) -> boto3.Session:
    return EndpointSession(endpoint, region_name=region, aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106
