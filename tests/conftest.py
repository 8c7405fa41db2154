"""What holds for every test: how examples are drawn, and how the tests are shared among processes."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Examples take the time they take, since no test is about time.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

TESTS = Path(__file__).parent
LOCALSTACK = [TESTS / "e2e_containers", TESTS / "integration/localstack"]
DOCKER = [*LOCALSTACK, TESTS / "images", TESTS / "integration/push"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """LocalStack's come first: they wait for containers most of the time, while the others keep the processors busy."""
    for item in items:
        if item.path.parent in DOCKER:
            item.add_marker(pytest.mark.docker)
    items.sort(key=lambda item: item.path.parent not in LOCALSTACK)


class TogetherScheduling(LoadScopeScheduling):
    """Keeps in one process what shares a cloud or a stack: a module, or a folder of those that need Docker."""

    def _split_scope(self, nodeid: str) -> str:
        file = TESTS.parent / nodeid.partition("::")[0]
        return str(file.parent if file.parent in DOCKER else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherScheduling:
    return TogetherScheduling(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Compressed bytes may hold the time of day, and processes that share the tests have to agree on their names."""
    return argname if isinstance(val, bytes) and not val.isascii() else None
