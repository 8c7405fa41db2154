from __future__ import annotations

import pytest

from tests.unit.operations.fakes import MemoryCloud


@pytest.fixture
def cloud() -> MemoryCloud:
    return MemoryCloud()
