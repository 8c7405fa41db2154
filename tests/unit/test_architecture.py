"""Dependencies point one way: cli → operations, stages → contract, formats, storage → errors."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "filegate"

ALLOWED = {
    "errors": set(),
    "address": set(),
    "allocator": set(),
    "blob": set(),
    "clock": set(),
    "layout": set(),
    "sources": {"errors"},
    "parquet": set(),
    "prices": set(),
    "formats": {"blob", "errors", "layout", "sources"},
    "contract": {"errors", "formats", "keys"},
    "runs": {"address"},
    "keys": {"formats", "spill"},
    "spill": set(),
    "dataset": {"contract", "errors", "formats", "sources"},
    "compiled": {"contract", "dataset"},
    "registry": {"compiled", "dataset", "errors"},
    "settings": set(),
    "startup": {"allocator"},
    "manifests": {"address", "layout", "runs", "storage"},
    "quarantine": {"contract", "formats"},
    "usage": {"prices", "runs"},
    "storage": {"address", "blob", "clock", "errors", "runs", "usage"},
    "stages": {
        "address", "blob", "clock", "contract", "dataset", "errors", "formats", "keys", "manifests", "parquet",
        "quarantine", "registry", "runs", "settings", "sources", "storage", "usage",
    },
    "observability": {"errors", "runs"},
    "functions": {"errors", "observability", "registry", "runs", "settings", "stages", "storage", "usage"},
}  # fmt: skip
CLOUD_LIBRARIES = {"boto3", "botocore", "aws_lambda_powertools"}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def files_of(part: str) -> list[Path]:
    return sorted((SOURCE / part).rglob("*.py")) or [SOURCE / f"{part}.py"]


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_the_dependencies_point_one_way(part: str) -> None:
    own = {name.split(".")[1] for file in files_of(part) for name in imports(file) if name.startswith("filegate.")}
    assert own - {part} <= ALLOWED[part]


@pytest.mark.parametrize("part", ["stages", "contract", "formats", "dataset", "keys", "quarantine", "runs"])
def test_logic_never_sees_the_cloud(part: str) -> None:
    used = {name.split(".")[0] for file in files_of(part) for name in imports(file)}
    assert not used & CLOUD_LIBRARIES
