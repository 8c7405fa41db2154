"""What a function may do: each acts with the credentials of its own role, as on Lambda."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

_RENEWED_BEFORE_END = timedelta(minutes=20)  # longer than any function runs


class RoleSessions:
    """The sessions under which the functions of one embedded cloud call it."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint = endpoint
        self._region = region
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], dict[str, Any]] = {}

    def variables(self, role: str, name: str) -> dict[str, str]:
        """The variables that make any AWS SDK act as the role, in a session of this name.

        They stay the same for as long as a session serves; a function whose variables change gets a new process.
        """
        with self._lock:
            session = self._sessions.get((role, name))
            if session is None or session["Expiration"] - datetime.now(UTC) < _RENEWED_BEFORE_END:
                session = self._sessions[role, name] = self._assume(role, name)
        return {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }

    def _assume(self, role: str, name: str) -> dict[str, Any]:
        from filegate.devcloud.session import session_for  # noqa: PLC0415 - boto3 is not needed to start

        sts = session_for(self._endpoint, self._region).client("sts")
        return dict(sts.assume_role(RoleArn=role, RoleSessionName=name)["Credentials"])
