"""Examples in the docs load, links in them resolve, and the files that they name are there."""

import re
from pathlib import Path

import pytest

from filegate import Dataset
from filegate.dataset.registry import Registry

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", ["README.md", "docs/datasets.md"])
def test_the_example_dataset_loads(page: str, tmp_path: Path) -> None:
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
def test_links_resolve(page: Path) -> None:
    for file, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not heading or heading in anchors(target), f"{file}#{heading}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_sources_that_a_page_names_are_there(page: Path) -> None:
    """Whole paths, and those of modules below `src/filegate`."""
    top = "docs|images|infra|scripts|benchmarks|harness|tests"
    packages = "|".join(
        folder.name for folder in (ROOT / "src" / "filegate").iterdir() if (folder / "__init__.py").exists()
    )
    text = page.read_text()
    named = [ROOT / path for path in re.findall(rf"`((?:src|{top})/[a-z0-9_/.-]+\.\w+)[`:]", text)]
    named += [ROOT / "src" / "filegate" / path for path in re.findall(rf"`((?:{packages})/[a-z_/]+\.py)`", text)]
    assert [str(file) for file in named if not file.exists()] == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
