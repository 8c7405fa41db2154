"""Runs checkov over the templates, and ends with an error if it finds anything.

    python -m scripts.scan_templates .venv-security/bin/checkov

checkov skips a file that it cannot read, such as one in which an entry overrides a merged one, and says that all is
well. So it gets the templates as they are read here, and a file that it cannot read is a finding.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.deployment import Template, load_templates

_NO_REASON = "No comment provided"  # what checkov writes in its place


def main() -> None:
    """Print what checkov finds."""
    report = scan(Path(sys.argv[1]), load_templates())
    for finding in found(report):
        print(finding)
    counts = report["summary"]
    print(
        f"checkov: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} suppressed with a reason"
    )
    sys.exit(1 if found(report) else 0)


def scan(checkov: Path, templates: Mapping[str, Template]) -> dict[str, Any]:
    """What checkov reports on some templates."""
    with TemporaryDirectory() as directory:
        for stem, template in templates.items():
            (Path(directory) / f"{stem}.json").write_text(json.dumps(template))
        command = [
            str(checkov),
            "--directory",
            directory,
            "--framework",
            "cloudformation",
            "--skip-download",
            "--output",
            "json",
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        report: dict[str, Any] = json.loads(answer.stdout)
        return {"summary": report["summary"], **report["results"]}
    except (ValueError, KeyError):
        raise SystemExit(f"checkov gave no report:\n{answer.stdout}{answer.stderr}") from None


def found(report: Mapping[str, Any]) -> list[str]:
    """What stands against the templates."""
    unread = [f"{Path(file).stem}.yaml: checkov cannot read it" for file in report["parsing_errors"]]
    failed = [f"{_place(check)}: {check['check_id']} {check['check_name']}" for check in report["failed_checks"]]
    unreasoned = [
        f"{_place(check)}: {check['check_id']} is suppressed without a reason"
        for check in report["skipped_checks"]
        if check["check_result"]["suppress_comment"] in ("", _NO_REASON)
    ]
    return sorted([*unread, *failed, *unreasoned])


def _place(check: Mapping[str, Any]) -> str:
    return f"{Path(check['file_path']).stem}.yaml: {check['resource'].rpartition('.')[2]}"


if __name__ == "__main__":
    main()
