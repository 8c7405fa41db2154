"""The parameter files of the templates, and the names that environments may have."""

from __future__ import annotations

import json
import re
from pathlib import Path

from filegate.deploy.checkout import Checkout
from filegate.deploy.template import load_template
from filegate.errors import WrongUse

ENVIRONMENT_NAME = re.compile("[a-z][a-z0-9]{1,15}")
"""The names that an environment may have; the templates restrict them likewise."""
REGISTRY = "registry"
"""The stem of the registry's template and parameter file; no environment has this name."""


def check_name(name: str) -> None:
    """Check that an environment may have this name.

    Raises:
        WrongUse: it may not.
    """
    if not ENVIRONMENT_NAME.fullmatch(name):
        raise WrongUse(
            f"{name!r} is not a valid environment name.",
            advice="Use 2 to 16 lower-case letters and digits, starting with a letter.",
        )


def check_parameters(name: str, checkout: Checkout) -> None:
    """Check that the environment's parameter file exists and declares that environment.

    Raises:
        WrongUse: it is missing, malformed, or declares another one.
    """
    values = read_parameters(checkout.templates / "parameters" / f"{name}.json")
    if values.get("Environment") != name:
        raise WrongUse(f"parameters/{name}.json declares Environment {values.get('Environment')}, not {name}.")


def parameters_of(template: Path, name: str) -> dict[str, str]:
    """The template's default values, overridden by the parameter file of that name.

    Raises:
        WrongUse: the file is missing or malformed.
    """
    declared = load_template(template)["Parameters"]
    defaults = {parameter: str(rules["Default"]) for parameter, rules in declared.items() if "Default" in rules}
    return defaults | read_parameters(template.parent / "parameters" / f"{name}.json")


def read_parameters(file: Path) -> dict[str, str]:
    """The values of a parameter file, `{"Parameters": {"Name": "value"}}`.

    Raises:
        WrongUse: the file is missing or malformed.
    """
    if not file.is_file():
        existing = ", ".join(sorted(path.stem for path in file.parent.glob("*.json") if path.stem != REGISTRY))
        raise WrongUse(
            f"There is no {file.parent.name}/{file.name}; there are {existing}.",
            advice="Use one of these names, or copy a file and change its values.",
        )
    try:
        values = json.loads(file.read_text())["Parameters"]
        return {name: str(value) for name, value in values.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongUse(
            f"{file} is not a parameter file ({type(error).__name__}: {error}).", advice='Write {"Parameters": {…}}.'
        ) from error
