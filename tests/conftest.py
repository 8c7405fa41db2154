"""What holds for every test: how examples are drawn, and how the tests are shared among processes."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Examples take the time they take, since no test is about time.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

TESTS = Path(__file__).parent
DOCKER = [TESTS / folder for folder in ("e2e_containers", "integration/localstack", "images", "integration/push")]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a cloud or a stack: a module, or a folder of those that need Docker.

    The latter come first: they wait for containers most of the time, while the others keep the processors busy.
    """
    for item in items:
        folder = item.path.parent
        if folder in DOCKER:
            item.add_marker(pytest.mark.docker)
        together = folder if folder in DOCKER else item.path
        item.add_marker(pytest.mark.xdist_group(str(together.relative_to(TESTS))))
    items.sort(key=lambda item: item.path.parent not in DOCKER)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Compressed bytes may hold the time of day, and processes that share the tests have to agree on their names."""
    return argname if isinstance(val, bytes) and not val.isascii() else None
