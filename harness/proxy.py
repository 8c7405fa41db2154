"""A proxy in front of the embedded cloud: records what the functions call, and may enforce their policies."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

from filegate.devcloud import cloud

Application = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True)
class Exchange:
    """One request of a function's, and the status of its answer.

    Attributes:
        role: the name of the role that it acts as.
        function: the function's name.
        body: what it sent, unless that was an object's bytes.
    """

    role: str
    function: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    status: int


class RecordingProxy:
    """Records every call of those who act as a role.

    Calls are said to come over TLS, as on AWS: the emulator has none, and what we deploy refuses plain HTTP.
    """

    def __init__(self) -> None:
        self.scheme = "https"
        self.exchanges: list[Exchange] = []
        self._sessions: dict[str, tuple[str, str]] = {}  # role and function by access key

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Embedded clouds that start within the block are called through this proxy."""
        served = cloud._served

        @contextlib.contextmanager
        def serve(listener: Any) -> Iterator[None]:
            import ministack.app  # type: ignore[import-untyped]  # noqa: PLC0415 - reads the cloud's settings on import

            with mock.patch("ministack.app.app", self._before(ministack.app.app)), served(listener):
                yield

        with mock.patch.object(cloud, "_served", serve):
            yield

    def _before(self, app: Application) -> Application:
        async def entered(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
            asked, answered, status = bytearray(), bytearray(), 0

            async def reading() -> Any:
                message = await receive()
                if not _is_upload(scope["method"], headers):
                    asked.extend(message.get("body", b""))
                return message

            async def sending(message: Any) -> None:
                nonlocal status
                status = message.get("status", status)
                if b"Action=AssumeRole" in asked:
                    answered.extend(message.get("body", b""))
                await send(message)

            await app({**scope, "scheme": self.scheme}, reading, sending)
            if answered:
                self._admit(bytes(answered))
            signed = re.search("Credential=([^/]+)/", headers.get("authorization", ""))
            if signed is not None and signed[1] in self._sessions:
                query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
                role, function = self._sessions[signed[1]]
                path = unquote(scope["path"])
                exchange = Exchange(role, function, scope["method"], path, query, headers, bytes(asked), status)
                self.exchanges.append(exchange)

        return entered

    def _admit(self, answer: bytes) -> None:
        """Note whose access key it is that STS has given out."""
        session = {
            element.tag.rpartition("}")[2]: element.text or "" for element in ElementTree.fromstring(answer).iter()
        }
        _, role, function = session["Arn"].split("/")
        self._sessions[session["AccessKeyId"]] = role, function


def _is_upload(method: str, headers: Mapping[str, str]) -> bool:
    return method == "PUT" and "x-amz-target" not in headers


@contextlib.contextmanager
def policies_enforced() -> Iterator[None]:
    """Within the block, the embedded cloud refuses what the policies of roles, buckets, queues and topics refuse."""
    with mock.patch("ministack.app.AUTH", new=True):
        yield
