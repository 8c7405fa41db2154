"""What the documents show, works."""

import re
from pathlib import Path

import pytest

from filegate import Dataset
from filegate.dataset.registry import Registry

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", ["README.md", "docs/datasets.md"])
def test_the_example_of_a_dataset_is_sound(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text()
    code = re.search(r'```python\n("""datasets/orders\.py""".*?)```', text, re.DOTALL)
    table = re.search(r"```csv\n(.*?)```", text, re.DOTALL)
    assert code is not None
    (tmp_path / "orders.py").write_text(code[1])
    (tmp_path / "references").mkdir()
    (tmp_path / "references" / "countries.csv").write_text(table[1] if table else "")
    registry = Registry(tmp_path)
    dataset = registry["orders"]
    assert isinstance(dataset, Dataset)
    assert "month" in dataset.result_schema(registry.references("orders"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
