"""What the runs of a case leave behind, as plain JSON that is the same whenever and wherever they run."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from .case import Case

BUCKETS = ("staging", "processed", "quarantine")
"""The buckets that are looked at. Each is a folder, and each object a file in it."""
VOLATILE = frozenset({
    "usage", "used", "cost_usd", "run_seconds", "age_seconds",
    "entered_at", "started_at", "finished_at", "lease_until",
})  # fmt: skip
"""What differs from one time to the next."""
PROSE = frozenset({"problem", "advice", "allowed"})
"""Words for people, which may be put better: tests of their own say what they must tell."""
LAYOUT = frozenset({"delimiter", "line_end", "header_line"})
"""What a later release says in addition of how an object is written; tests of their own show it."""
DIGEST_LENGTH = 16
"""Characters of a SHA-256 that are kept: 64 bits."""


@dataclass(frozen=True)
class Finished:
    """One run of a case, as far as it came.

    Attributes:
        documents: the run's document as it began, and as each stage returned it.
        record: the ledger's record of the run, after all runs of the case.
        error: what a stage raised, which ended the run.
    """

    documents: Sequence[Mapping[str, Any]]
    record: dict[str, Any] | None
    error: BaseException | None


class Executor(Protocol):
    """Carries out the runs of a case."""

    def __call__(self, case: Case, folder: Path) -> Sequence[Finished]:
        """The runs in order; each bucket is the folder `folder / <bucket>`."""
        ...


def observed(case: Case, execute: Executor) -> dict[str, Any]:
    """What the case's runs gave, and the digest of each object that there is after them.

    The id of the first run is written `<1>`, and so on.
    """
    with tempfile.TemporaryDirectory(prefix="filegate-golden-") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandera warns of some options that it leaves to others
        runs = execute(case, Path(name))
        found = {
            "runs": [_run(run) for run in runs],
            "objects": {bucket: dict(_objects(Path(name), bucket)) for bucket in BUCKETS},
        }
    short = {str(run.documents[0]["run_id"]): f"<{number}>" for number, run in enumerate(runs, 1)}
    text = json.dumps(found).replace(name, "<folder>")
    for run_id in sorted(short, key=len, reverse=True):  # a replay's holds that of the run
        text = text.replace(run_id, short[run_id])
    shortened: dict[str, Any] = json.loads(text)
    return shortened


def lasting(value: Any) -> Any:
    """The value without what is volatile or later, without prose, and without a format's number (`"format": 1`)."""
    if isinstance(value, Mapping):
        return {
            name: lasting(part)
            for name, part in value.items()
            if name not in VOLATILE | PROSE | LAYOUT and not (name == "format" and type(part) is int and part == 1)
        }
    return [lasting(part) for part in value] if isinstance(value, list | tuple) else value


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]


def _run(run: Finished) -> dict[str, Any]:
    documents = [dict(document) for document in run.documents]
    manifests = [manifest for document in documents if (manifest := document.pop("manifest", None))]
    for facts in (run.record, *(document["ingested"] for document in documents)):
        if facts is not None:
            facts.pop("layout")
    gained = {name: value for name, value in documents[-1].items() if value != documents[0].get(name)}
    found = {"document": _given(gained), "manifests": [_json_digest(json.loads(each)) for each in manifests]}
    if run.record is not None:
        found["record"] = _given(run.record | {"states": list(run.record["states"])})
    if run.error is not None:
        found["error"] = type(run.error).__name__
    return found


def _given(value: Any) -> Any:
    """The value without fields that are not set, zero or an empty collection; an empty text stays."""
    if isinstance(value, Mapping):
        given = {name: _given(part) for name, part in lasting(value).items()}
        return {name: part for name, part in given.items() if part or part == ""}
    return value


def _objects(folder: Path, bucket: str) -> Iterator[tuple[str, str]]:
    """The keys of a bucket, and the digests of what they hold."""
    for file in (folder / bucket).rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            if file.suffix == ".json":  # a range's outcome may name a file
                content = _json_digest(json.loads(data.replace(bytes(folder), b"<folder>")))
            elif bucket == "quarantine":
                content = _json_digest(pl.read_parquet(file).rows(named=True))
            else:
                content = digest(data)
            yield str(file.relative_to(folder / bucket)), content


def _json_digest(value: Any) -> str:
    return digest(json.dumps(lasting(value), sort_keys=True, default=repr).encode())
