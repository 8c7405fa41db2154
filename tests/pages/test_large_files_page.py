"""What docs/large-files.md shows is good enough."""

from typing import Any

import pytest

from benchmarks.large_files.page import measured

LIMITS_MB = {"validate": 200, "transform": 800}


@pytest.fixture(scope="module")
def figures() -> Any:
    return measured()


def test_a_gigabyte_was_sent_both_ways_through_both_clouds(figures: Any) -> None:
    ways = {(row["cloud"], row["ranges"] > 0, row["digest"]) for row in figures["rows"] if row["gb"] == 1}
    assert len(ways) == 4
    assert len({digest for *_, digest in ways}) == 1


@pytest.mark.parametrize("stage", LIMITS_MB)
def test_under_lambda_s_limits_the_peaks_stay_below_their_targets(figures: Any, stage: str) -> None:
    kept = [row["stages"][stage]["kept_mb"] for row in figures["rows"] if row["cloud"] == "LocalStack"]
    assert kept
    assert max(kept) <= LIMITS_MB[stage]
    middle = (max(kept) + min(kept)) / 2
    assert max(kept) <= 1.1 * middle, "it grows with the file"
