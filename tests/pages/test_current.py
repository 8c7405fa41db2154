"""What is computed into documents is what `make pages` would write now."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from cogapp import Cog

ROOT = Path(__file__).parents[2]
PAGES = [
    path.relative_to(ROOT)
    for folder in ("docs", "tests/infrastructure")
    for path in sorted((ROOT / folder).iterdir())
    if path.is_file() and "[[[cog" in path.read_text()
]


def check(page: Path) -> tuple[int, str]:
    """The status of `cog --check`, and its output."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = Cog().main(["cog", "--check", "--diff", "-U", "-I", str(ROOT), str(page)])
    return status, said.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_current(page: Path) -> None:
    status, said = check(ROOT / page)
    assert status == 0, f"Run: make pages\n{said}"


def test_a_figure_that_was_changed_by_hand_is_found(tmp_path: Path) -> None:
    page = tmp_path / "cost.md"
    page.write_text((ROOT / "docs/cost.md").read_text().replace("| Functions | ", "| Functions | 1"))
    status, said = check(page)
    assert status != 0
    assert "| Functions | 1" in said
