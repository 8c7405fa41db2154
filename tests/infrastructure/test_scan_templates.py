"""What counts as a finding in a checkov report; the scan itself is `make security`."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.scan_templates import found

CHECK = {
    "file_path": "/storage.json",
    "resource": "AWS::S3::Bucket.RawBucket",
    "check_id": "CKV_X",
    "check_name": "is shut",
}


def report(**given: Any) -> dict[str, Any]:
    return {"parsing_errors": [], "failed_checks": [], "skipped_checks": [], **given}


def skipped(comment: str) -> dict[str, Any]:
    return {**CHECK, "check_result": {"result": "SKIPPED", "suppress_comment": comment}}


@pytest.mark.parametrize(
    ("given", "findings"),
    [
        (report(), []),
        (report(failed_checks=[CHECK]), ["storage.yaml: RawBucket: CKV_X is shut"]),
        (report(parsing_errors=["/somewhere/audit.json"]), ["audit.yaml: checkov cannot read it"]),
        (report(skipped_checks=[skipped("written once")]), []),
        (
            report(skipped_checks=[skipped("No comment provided")]),
            ["storage.yaml: RawBucket: CKV_X is suppressed without a reason"],
        ),
        (report(skipped_checks=[skipped("")]), ["storage.yaml: RawBucket: CKV_X is suppressed without a reason"]),
    ],
)
def test_failures_unread_files_and_suppressions_without_a_reason_are_findings(
    given: dict[str, Any], findings: list[str]
) -> None:
    assert found(given) == findings
