"""The code in docs/operating.md does what the page says."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest

GUIDE = Path(__file__).parents[3] / "docs" / "operating.md"
MANIFESTS = {
    f"flights/_manifests/{run}.json": b'{"parts": [{"target": "flights/month=1/%d.parquet"}]}' % run for run in range(3)
}


class TwoPages:
    """An S3 client whose answers do not fit on one page."""

    def get_paginator(self, operation: str) -> TwoPages:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        keys = [{"Key": key} for key in MANIFESTS]
        return [{"Contents": keys[:2]}, {"Contents": keys[2:]}, {}]

    def list_objects_v2(self, **request: str) -> dict[str, Any]:
        return self.paginate(**request)[0]

    def get_object(self, *, Key: str, **_: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return {"Body": io.BytesIO(MANIFESTS[Key])}


def test_the_published_files_are_those_of_every_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    read: list[str] = []
    monkeypatch.setattr(boto3, "client", lambda service: TwoPages())
    monkeypatch.setattr(pl, "scan_parquet", lambda files, hive_partitioning: read.extend(files))
    exec(compile(code, str(GUIDE), "exec"), {})
    assert [file.rpartition("/")[2] for file in read] == ["0.parquet", "1.parquet", "2.parquet"]
