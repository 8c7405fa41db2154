"""What the pipeline writes, compared with what it wrote before it was rearranged: the same bytes, counts and messages.

`expected.json` was made by the code of release 0.1.0 at commit 338f467, and holds for the pinned releases of polars and
pandera. A difference is either a fault, or a decision that belongs into the changelog; then its line is written anew by

    python -m tests.golden CASE …
"""

import json
from pathlib import Path
from typing import Any

import pytest

from .case import Case
from .cases import CASES
from .executor import execute
from .observe import observed

EXPECTED: dict[str, Any] = json.loads((Path(__file__).parent / "expected.json").read_text())


def test_every_case_is_expected() -> None:
    assert {case.name for case in CASES} == set(EXPECTED)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_pipeline_writes_what_it_wrote(case: Case) -> None:
    assert observed(case, execute) == EXPECTED[case.name]
