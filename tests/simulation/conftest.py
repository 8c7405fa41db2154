from pathlib import Path

import pytest

from filegate.dataset.registry import Registry

from .world import DATASETS


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder: Path = tmp_path_factory.mktemp("datasets")
    for name, module in DATASETS.items():
        (folder / f"{name}.py").write_text(module)
    return Registry(folder)
