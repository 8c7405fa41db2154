"""What holds for every test: examples take the time they take, since no test is about time."""

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Compressed bytes may hold the time of day, and processes that share the tests have to agree on their names."""
    return argname if isinstance(val, bytes) and not val.isascii() else None
