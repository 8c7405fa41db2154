"""Each parameter file fits its template, and environments differ as intended."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from filegate.deploy.parameters import ENVIRONMENT_NAME

FOLDER = Path(__file__).parents[2] / "infra" / "cloudformation" / "parameters"
FILES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
ENVIRONMENTS = ("dev", "staging", "prod")
# What the command sets by itself.
FOUND = {
    "IngestImageUri", "ValidateImageUri", "TransformImageUri", "OutputImageUri", "Freshness", "S3PrefixListId",
    "DynamoDBPrefixListId",
}  # fmt: skip

each_file = pytest.mark.parametrize("name", FILES)


def test_every_environment_and_the_registry_have_a_file() -> None:
    assert set(FILES) == {*ENVIRONMENTS, "registry"}
    for name in ENVIRONMENTS:
        assert FILES[name]["Parameters"]["Environment"] == name


def test_names_are_checked_as_by_the_template(templates: dict[str, Any]) -> None:
    assert templates["main"]["Parameters"]["Environment"]["AllowedPattern"] == ENVIRONMENT_NAME.pattern


@each_file
def test_a_file_has_only_parameters(name: str) -> None:
    assert set(FILES[name]) == {"Parameters"}
    assert all(isinstance(value, str) for value in FILES[name]["Parameters"].values())


@each_file
def test_every_value_is_valid(templates: dict[str, Any], name: str) -> None:
    declared = templates["registry" if name == "registry" else "main"]["Parameters"]
    for parameter, value in FILES[name]["Parameters"].items():
        rules = declared[parameter]
        assert value in map(str, rules.get("AllowedValues", [value])), parameter
        assert re.fullmatch(rules.get("AllowedPattern", ".*"), value), parameter
        if rules["Type"] == "Number":
            assert float(rules.get("MinValue", value)) <= float(value) <= float(rules.get("MaxValue", value)), parameter


@each_file
def test_a_file_repeats_no_defaults(templates: dict[str, Any], name: str) -> None:
    declared = templates["registry" if name == "registry" else "main"]["Parameters"]
    for parameter, value in FILES[name]["Parameters"].items():
        if parameter != "DataOnDelete":  # which every file states explicitly
            assert value != str(declared[parameter].get("Default")), parameter


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_parameter_gets_a_value(templates: dict[str, Any], name: str) -> None:
    needed = {parameter for parameter, rules in templates["main"]["Parameters"].items() if "Default" not in rules}
    assert needed <= set(FILES[name]["Parameters"]) | FOUND
    assert not FOUND & set(FILES[name]["Parameters"])


def test_the_command_sets_the_remaining_parameters(templates: dict[str, Any]) -> None:
    assert set(templates["main"]["Parameters"]) >= FOUND


def test_only_production_retains_its_data() -> None:
    policies = {name: FILES[name]["Parameters"]["DataOnDelete"] for name in ENVIRONMENTS}
    assert policies == {"dev": "Delete", "staging": "Delete", "prod": "Retain"}
