"""What S3 answers, as the store tells it."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from filegate.errors import AccessDenied, Unreachable
from filegate.storage.s3 import S3ObjectStore


@pytest.mark.parametrize(("code", "expected"), [("AccessDenied", AccessDenied), ("InternalError", Unreachable)])
def test_a_key_that_s3_could_not_delete_is_named_with_the_reason(code: str, expected: type[Exception]) -> None:
    """The request as a whole is answered 200 then."""
    client: Any = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any")
    with Stubber(client) as stub:
        stub.add_response("delete_objects", {"Errors": [{"Key": "b", "Code": code, "Message": "the reason"}]})
        with pytest.raises(expected, match=rf"s3://bucket/b: DeleteObjects .*{code}"):
            S3ObjectStore(client).delete("bucket", ["a", "b"])
