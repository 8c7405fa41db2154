"""Sessions that talk to one endpoint, whatever the user's own AWS settings say."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

_RENEWED_BEFORE_END = timedelta(minutes=20)  # longer than any function runs


class EndpointSession(boto3.Session):
    """Clients and resources of this session go to `endpoint` unless a call names another endpoint."""

    def __init__(self, endpoint: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._endpoint = endpoint

    def client(self, *args: Any, **kwargs: Any) -> Any:  # resources are made of clients
        return super().client(*args, **{**kwargs, "endpoint_url": kwargs.get("endpoint_url") or self._endpoint})


def session_for(endpoint: str, region: str) -> boto3.Session:
    return EndpointSession(endpoint, region_name=region, aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106


class RoleSessions:
    """The sessions of the functions' roles: each function acts with the credentials of its own, as on Lambda."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._credentials: dict[tuple[str, str], Any] = {}

    def variables(self, role: str, name: str) -> dict[str, str]:
        """The variables that make any AWS SDK act as the role, in a session of this name.

        They stay the same for as long as a session serves; a function whose variables change gets a new process.
        """
        with self._lock:
            found = self._credentials.get((role, name))
            if found is None or found["Expiration"] - datetime.now(UTC) < _RENEWED_BEFORE_END:
                sts = self._session.client("sts")
                found = sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
                self._credentials[role, name] = found
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }
