"""What the workflows name is there, and make explains itself; actionlint and zizmor (make security) check the rest."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").glob("*.yml")}
TARGETS = {
    target
    for file in [ROOT / "Makefile", *ROOT.glob("*.mk")]
    for target in re.findall(r"^([a-z0-9-]+):", file.read_text(), re.MULTILINE)
}
# YAML reads the key `on` as a truth.
ON: Any = True


def commands(workflow: str) -> list[str]:
    return [
        step["run"] for job in WORKFLOWS[workflow]["jobs"].values() for step in job.get("steps", []) if "run" in step
    ]


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_targets_and_scripts_exist(workflow: str) -> None:
    for command in commands(workflow):
        program, *arguments = command.removeprefix("sudo ").split()
        if program == "make":
            assert {word for word in arguments if "=" not in word} <= TARGETS
        elif program != ".venv/bin/filegate":
            assert (ROOT / program).is_file()


@pytest.mark.parametrize("workflow", ["deploy", "images"])
def test_every_deployment_with_parameters_can_be_chosen(workflow: str) -> None:
    options = WORKFLOWS[workflow][ON]["workflow_dispatch"]["inputs"]["environment"]["options"]
    assert sorted(options) == sorted(
        path.stem for path in (ROOT / "infra/cloudformation/parameters").glob("*.json") if path.stem != "registry"
    )


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_credentials_are_for_jobs_behind_an_environment(workflow: str) -> None:
    assert WORKFLOWS[workflow]["permissions"] == {}
    for job in WORKFLOWS[workflow]["jobs"].values():
        trusted = job["permissions"].get("id-token") == "write"
        assert trusted == ("environment" in job or "uses" in job)


def test_make_lists_every_explained_target_in_groups_and_plain_in_a_pipe() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    groups = [block.splitlines() for block in shown.split("\n\n")]
    assert not re.search(r"[^\x20-\x7e\n…]", shown)
    assert [group[0] for group in groups][:2] == ["Try it", "Develop"]
    listed = [line.split()[0] for _, *targets in groups for line in targets]
    makefiles = "".join(file.read_text() for file in [ROOT / "Makefile", *ROOT.glob("*.mk")])
    assert sorted(listed) == sorted(re.findall(r"^([a-z0-9-]+):.*## ", makefiles, re.MULTILINE))
