"""The list of resources matches the templates."""

from scripts.deployment import PRODUCTION, Deployment, load_templates
from scripts.resources import FILE, listing


def test_the_list_of_resources_is_up_to_date() -> None:
    assert FILE.read_text() == listing(load_templates()), "run make resources, and review the diff"


def test_every_template_is_resolved() -> None:
    """A nested stack whose condition is false would hide all of its resources."""
    shown = {resource.template for resource in Deployment(load_templates(), PRODUCTION).resources}
    assert shown | {"main"} == set(load_templates())


def test_known_values_are_filled_in() -> None:
    """A parameter without a value stays in angle brackets, as does a reference to a resource."""
    for resource in Deployment(load_templates(), PRODUCTION).resources:
        assert "Fn::" not in str(resource.properties), resource
