"""Which of AWS's errors pass by themselves: the one place that maps botocore's errors to the pipeline's classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as BotoConnectionError
from urllib3.exceptions import HTTPError

from filegate.errors import AccessDenied, ObjectGone, Throttled, Unreachable

# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html and each service's list of common errors.
THROTTLING = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
SERVER_SIDE = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "PreconditionFailed", "412"})
DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException"})


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises botocore's errors of the block as the pipeline's own.

    Args:
        what: the thing asked for, for the message: "s3://bucket/key".

    Raises:
        ObjectGone: the object or its version is not there any more.
        Throttled: the service asks for fewer calls.
        AccessDenied: a policy does not allow it.
        Unreachable: a time-out, a broken connection, or a fault on the service's side.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in GONE:
            raise ObjectGone(
                f"{what} is gone: it was deleted or replaced after its arrival was announced ({code}).",
                advice="Deliver the file again.",
            ) from error
        if code in DENIED:
            raise AccessDenied(
                f"{what}: {error.operation_name} was refused ({code}): {error.response['Error']['Message']}.",
                advice="A policy does not allow it: of the role or user that asks, of the bucket or table, of its key, "
                "or of the network's endpoint.",
            ) from error
        if code in THROTTLING:
            raise Throttled(f"{what}: {error.operation_name} was throttled ({code}).") from error
        if code in SERVER_SIDE or status >= 500:
            raise Unreachable(f"{what}: {error.operation_name} failed on the service's side ({code}).") from error
        raise
    except (
        BotoConnectionError,
        HTTPClientError,
        IncompleteReadError,
        HTTPError,
        ConnectionError,
        TimeoutError,
    ) as error:
        raise Unreachable(f"{what}: the connection failed ({type(error).__name__}).") from error
