"""`make lint` asks import-linter for the direction of dependencies; here, that its contracts notice the other one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", str(ROOT / "pyproject.toml")]


def linted(sources: Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHONPATH": str(sources)}
    return subprocess.run(LINTER, env=variables, check=False, stdout=subprocess.PIPE, text=True)


def test_dependencies_point_one_way() -> None:
    assert linted(ROOT / "src").returncode == 0


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("pipeline/ingest.py", "from filegate import cli"),
        ("runs/run.py", "from filegate.storage import objects"),
        ("deploy/stack.py", "import filegate.devcloud.cloud"),
        ("formats/sniff.py", "import boto3"),
    ],
)
def test_a_dependency_in_the_other_direction_is_found(tmp_path: Path, module: str, line: str) -> None:
    shutil.copytree(ROOT / "src/filegate", tmp_path / "filegate", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "filegate" / module).open("a") as file:
        file.write(f"\n{line}\n")
    report = linted(tmp_path)
    assert report.returncode == 1
    assert f"filegate.{module.removesuffix('.py').replace('/', '.')} ->" in report.stdout
