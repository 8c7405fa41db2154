"""The list of what would be created is as the templates are."""

from scripts.deployment import PRODUCTION, Deployment, load_templates
from scripts.resources import FILE, listing


def test_the_list_of_resources_is_as_the_templates_are() -> None:
    assert FILE.read_text() == listing(load_templates()), "run make resources, and look at what it changes"


def test_nothing_of_the_templates_is_left_out() -> None:
    """A stack that no condition lets in would hide all that is in it."""
    shown = {resource.template for resource in Deployment(load_templates(), PRODUCTION).resources}
    assert shown | {"main"} == set(load_templates())


def test_what_is_known_before_creation_is_filled_in() -> None:
    """A parameter that nobody gives stays in angle brackets, as a reference to a resource does."""
    for resource in Deployment(load_templates(), PRODUCTION).resources:
        assert "Fn::" not in str(resource.properties), resource
