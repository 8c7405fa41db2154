"""docs/benchmarks.md says what was measured, and docs/benchmarks.json has all of it."""

from __future__ import annotations

import re
import statistics
from copy import deepcopy

import pytest

from benchmarks.figures import CANDIDATES, LIBRARIES, PLAN
from benchmarks.page import PAGE, TABLES, measured, targets

FOUND = measured()
ENTRIES = {name: FOUND[TABLES.get(name, name)] for name in PLAN}


def test_the_figures_have_the_form_that_was_asked_for() -> None:
    assert tuple(FOUND["candidates"]) == CANDIDATES
    assert {"machine", "versions", "data"} < FOUND.keys()
    assert FOUND["versions"].keys() == {"filegate", "python", *LIBRARIES}


@pytest.mark.parametrize("name", PLAN)
def test_every_candidate_of_a_job_has_as_many_runs_and_their_medians(name: str) -> None:
    assert tuple(ENTRIES[name]) == PLAN[name]
    rounds = len(FOUND["candidates"]["floor"]["runs"])
    for entry in ENTRIES[name].values():
        assert len(entry["runs"]) == rounds
        for figure in ("cpu_s", "wall_s", "peak_mb"):
            assert entry[figure] == pytest.approx(statistics.median(run[figure] for run in entry["runs"]), abs=1e-3)
            assert entry[figure] > 0


def test_the_stages_are_all_of_filegate_s_time() -> None:
    for run in FOUND["candidates"]["filegate"]["runs"]:
        assert sum(part["cpu_s"] for part in run["parts"].values()) == pytest.approx(run["cpu_s"], rel=0.02)


def test_each_function_s_memory_was_measured_on_every_input() -> None:
    assert FOUND["kept"].keys() == PLAN.keys()
    for kept in FOUND["kept"].values():
        assert kept.keys() == FOUND["candidates"]["filegate"]["parts"].keys()
        assert min(kept.values()) > 0


def test_what_was_measured_is_what_was_asked_for() -> None:
    """At scale 1: six million order lines and a gigabyte of flights, a hundredth of them bad, or a half."""
    inputs = FOUND["data"]["inputs"]
    assert inputs["lineitem"]["rows"] == 6_001_215
    assert inputs["flights"]["bytes"] == pytest.approx(1e9, rel=1e-3)
    for name, share in {"lineitem": 0.009, "flights": 0.011, "half_rejected": 0.5}.items():
        assert inputs[name]["rejected"] / inputs[name]["rows"] == pytest.approx(share, rel=0.05)
    assert inputs["lineitem"]["repeated"] > 0 < inputs["flights"]["repeated"]


def test_a_target_is_met_or_missed_by_its_own_measure() -> None:
    slow = deepcopy(dict(FOUND))
    for entries in (slow["candidates"], slow["flights"], slow["half_rejected"]):
        entries["filegate"]["cpu_s"] = 1000 * entries["floor"]["cpu_s"]
    slow["kept"] = {name: dict.fromkeys(kept, 1000) for name, kept in FOUND["kept"].items()}
    missed = {target.what for target in targets(slow) if not target.met}
    assert {target.what for target in targets(FOUND) if not target.met} <= missed
    assert sum("CPU of" in what and "ingest" not in what for what in missed) == 9
    assert sum("memory in" in what for what in missed) == 6


def test_the_page_describes_every_candidate() -> None:
    section = PAGE.read_text().split("## The candidates")[1].split("\n## ")[0]
    described = re.findall(r"^\| ([\w +]+) \|", section, re.MULTILINE)
    assert described[1:] == [
        "bare scan",
        "Filegate",
        "pandas + pandera",
        "polars + pandera",
        "DuckDB",
        "pyarrow",
        "dataframely",
    ]
