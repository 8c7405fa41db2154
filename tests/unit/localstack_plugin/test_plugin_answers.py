"""An emulator's answer is reported as Lambda reports it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lambda_images.answers import result_of

from filegate.devcloud.runtime_api import Kind, Result

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "errorType"]), inner),
)


def answered(status: int, body: bytes, *, out_of_memory: bool = False) -> Result:
    return result_of(status, body, request_id="r-1", timeout=3, ran_out_of_memory=lambda: out_of_memory)


def never() -> bool:
    raise AssertionError("the engine is asked only when something died")


def document(result: Result) -> dict[str, Any]:
    return dict(json.loads(result.body))


@given(VALUES)
def test_whatever_a_handler_returns_comes_back_untouched(value: Any) -> None:
    body = json.dumps(value).encode()
    result = result_of(200, body, request_id="r", timeout=3, ran_out_of_memory=never)
    assert result == Result(Kind.RESPONSE, body)


def test_a_handler_may_return_the_words_of_a_time_out() -> None:
    assert not answered(200, b'"Task timed out after 3.00 seconds"').failed


def test_what_a_handler_raised_is_an_error_and_the_container_stays() -> None:
    result = answered(200, b'{"errorType": "SchemaMismatch", "errorMessage": "no header", "stackTrace": []}')
    assert (result.kind, result.failed, result.reusable) == (Kind.ERROR, True, True)


def test_a_time_out_is_named_and_ends_the_container() -> None:
    result = answered(200, b"Task timed out after 3.00 seconds")
    assert (result.failed, result.reusable) == (True, False)
    assert document(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: r-1 Error: Task timed out after 3.00 seconds",
    }


def test_a_runtime_that_died_gives_its_own_reason() -> None:
    body = b'{"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named polars"}'
    result = answered(502, body)
    assert (result.body, result.failed, result.reusable) == (body, True, False)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errorType": "only"}'])
def test_a_runtime_that_died_without_a_reason_is_reported_all_the_same(body: bytes) -> None:
    result = answered(502, body)
    assert (result.failed, result.reusable) == (True, False)
    assert document(result)["errorType"] == "Runtime.ExitError"


def test_the_memory_limit_is_named_whatever_the_emulator_says() -> None:
    body = b'{"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}'
    result = answered(502, body, out_of_memory=True)
    assert document(result)["errorType"] == "Runtime.OutOfMemory"
    assert not result.reusable
