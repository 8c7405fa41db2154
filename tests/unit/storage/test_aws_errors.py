"""The class of an AWS error decides the route of the run."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
)
from urllib3.exceptions import ProtocolError

from filegate.errors import AccessDenied, ObjectGone, Throttled, Unreachable
from filegate.storage.aws_errors import translated


def answer(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answer("SlowDown", 503), Throttled),
        (answer("ThrottlingException"), Throttled),
        (answer("ProvisionedThroughputExceededException"), Throttled),
        (answer("InternalError", 500), Unreachable),
        (answer("SomethingNew", 502), Unreachable),
        (answer("NoSuchVersion", 404), ObjectGone),
        (answer("404", 404), ObjectGone),
        (answer("PreconditionFailed", 412), ObjectGone),
        (answer("403", 403), AccessDenied),
        (answer("AccessDeniedException"), AccessDenied),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else value.__name__,
)
def test_the_code_of_an_answer_decides_the_class(error: ClientError, expected: type[Exception]) -> None:
    with pytest.raises(expected, match=r"s3://raw/flights/a\.csv"), translated("s3://raw/flights/a.csv"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="http://s3"),
        ReadTimeoutError(endpoint_url="http://s3"),
        EndpointConnectionError(endpoint_url="http://s3"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ProtocolError("connection broken"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_connection_is_transient(error: Exception) -> None:
    with pytest.raises(Unreachable, match=type(error).__name__), translated("s3://raw/a"):
        raise error


def test_what_is_neither_stays_as_it_is() -> None:
    with pytest.raises(ClientError), translated("s3://raw/a"):
        raise answer("InvalidRequest")
    with pytest.raises(KeyError), translated("s3://raw/a"):
        raise KeyError("a defect")
