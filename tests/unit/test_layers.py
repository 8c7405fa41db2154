"""`make lint` asks import-linter for the direction of dependencies; here, that its contracts notice the other one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", str(ROOT / "pyproject.toml")]


AROUND = ("harness", "scripts", "benchmarks", "tests")


def linted(root: Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHONPATH": str(root / "src")}
    return subprocess.run(LINTER, cwd=root, env=variables, check=False, stdout=subprocess.PIPE, text=True)


def test_dependencies_point_one_way() -> None:
    assert linted(ROOT).returncode == 0


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("src/filegate/pipeline/ingest.py", "from filegate import cli"),
        ("src/filegate/runs/run.py", "from filegate.storage import objects"),
        ("src/filegate/deploy/stack.py", "import filegate.devcloud.cloud"),
        ("src/filegate/formats/sniff.py", "import boto3"),
        ("harness/pipeline.py", "from tests import template"),
        ("scripts/machine.py", "import benchmarks.data"),
    ],
)
def test_a_dependency_in_the_other_direction_is_found(tmp_path: Path, module: str, line: str) -> None:
    for folder in ("src/filegate", *AROUND):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    report = linted(tmp_path)
    assert report.returncode == 1
    assert f"{module.removeprefix('src/').removesuffix('.py').replace('/', '.')} ->" in report.stdout
