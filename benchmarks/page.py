"""The tables of docs/benchmarks.md, and its chart, from the figures of docs/benchmarks.json: `make pages`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.data import ROOT
from benchmarks.figures import CANDIDATES, PLAN, Figures
from scripts.bar_chart import Bar, chart

PAGE = ROOT / "docs" / "benchmarks.md"
FIGURES = ROOT / "docs" / "benchmarks.json"

NAMES = {
    "floor": "bare scan",
    "filegate": "Filegate",
    "pandas_pandera": "pandas + pandera",
    "polars_pandera": "polars + pandera",
    "duckdb": "DuckDB",
    "pyarrow": "pyarrow",
    "dataframely": "dataframely",
}
TABLES = {"lineitem": "candidates", "flights": "flights"}
"""Name of a job that all candidates did → its key in the figures."""
TIMES = "×"  # noqa: RUF001 - a multiplication sign it is
ORDER = ("bare scan", "ingest", "validate", "transform")
"""Of the steps of a chunk."""
SHOWN_SHARE = 0.01
"""Of Filegate's CPU; functions that take less are not listed."""


@dataclass(frozen=True)
class Target:
    """A number that was to be reached: `reached` is at most `wanted`, or at least where `more` is better."""

    what: str
    reached: float
    wanted: float
    unit: str = TIMES
    more: bool = False

    @property
    def met(self) -> bool:
        told = round(self.reached, 2)
        return told >= self.wanted if self.more else told <= self.wanted


def measured() -> Figures:
    found: Figures = json.loads(FIGURES.read_text())
    return found


def tables(found: Figures) -> str:
    parts = [
        _inputs(found),
        *("\n".join([f"### {name}\n", *_comparison(found, key)]) for name, key in TABLES.items()),
        "\n".join(["### Filegate's stages\n", *_stages(found)]),
        "\n".join(["### The targets\n", *_targets(found)]),
        "\n".join(["### What one chunk costs\n", *_chunk(found["steps"])]),
        f"### Where Filegate's CPU goes\n\n{profile_table(found['profile'])}",
        f"### Versions\n\n{_versions(found)}",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def bars(found: Figures) -> str:
    """A panel a table, a bar a candidate, as long as its CPU seconds."""
    panels = {
        f"{name}, CPU seconds": [
            Bar(NAMES[each], entry["cpu_s"], _told(entry, found[key]), "own" if each == "filegate" else "bar")
            for each, entry in _ranked(found[key])
        ]
        for name, key in TABLES.items()
    }
    return chart("CPU seconds of each candidate", panels)


def summary(found: Figures) -> str:
    """All that was measured, however little, a line a candidate of a job."""
    jobs = {name: found.get(TABLES.get(name, name), {}) for name in PLAN}
    return "\n".join(
        f"{name:14} {candidate:15} {entry['cpu_s']:8.2f} CPU s {_times(entry, entries):>13} {entry['peak_mb']:7.0f} MB"
        for name, entries in jobs.items()
        for candidate, entry in entries.items()
    )


def targets(found: Figures) -> list[Target]:
    """What was to be reached, and what was."""
    half, plain = found["half_rejected"], found["candidates"]["filegate"]["cpu_s"]
    compressed = {kind: _cpu(found[kind]) for kind in ("gzip", "zstd")}
    return [
        *(target for name, key in TABLES.items() for target in _targets_of(name, found[key], found["kept"][name])),
        Target("lineitem, half of its rows rejected: CPU of all stages, of the bare scan's", _ratio(half), 2.5),
        *(
            Target(
                f"lineitem, {kind}: CPU of all stages, less {cpu['decompression']:.2f} s for the decompression, of the "
                "plain file's",
                (cpu["filegate"] - cpu["decompression"]) / plain,
                1.3,
            )
            for kind, cpu in compressed.items()
        ),
    ]


def _targets_of(name: str, entries: Figures, kept: Mapping[str, float]) -> list[Target]:
    ingest = entries["filegate"]["parts"]["ingest"]["cpu_s"] / entries["floor"]["cpu_s"]
    return [
        Target(f"{name}: CPU of all stages, of the bare scan's", _ratio(entries), 1.5),
        Target(f"{name}: CPU of ingest, of the bare scan's", ingest, 0.15),
        Target(
            f"{name}: CPU of pandas + pandera, of Filegate's",
            _ratio(entries, "pandas_pandera", "filegate"),
            5,
            more=True,
        ),
        *(
            Target(f"{name}: CPU of all stages, of {NAMES[peer]}'s", _ratio(entries, "filegate", peer), 1)
            for peer in ("duckdb", "pyarrow")
        ),
        *(
            Target(f"{name}: anonymous memory in {stage}", kept[stage], limit, "MB")
            for stage, limit in {"ingest": 150, "validate": 200, "transform": 800}.items()
        ),
    ]


def profile_table(profile: Sequence[Mapping[str, Any]]) -> str:
    """Filegate's functions, the dearest first."""
    total = sum(spent["cpu_s"] for spent in profile)
    lines = ["| stage | function, with the libraries it calls | CPU s | share | calls |", "|---|---|--:|--:|--:|"]
    lines += [
        f"| {spent['stage']} | `{spent['function']}` | {spent['cpu_s']:.2f} | {spent['cpu_s'] / total:.0%} "
        f"| {spent['calls']:,} |"
        for spent in profile
        if spent["cpu_s"] >= SHOWN_SHARE * total
    ]
    return "\n".join(lines) + "\n"


def _inputs(found: Figures) -> str:
    data, machine = found["data"], found["machine"]
    rounds = len(found["candidates"]["filegate"]["runs"])
    told = [
        f"{name} {counts['rows']:,} rows in {counts['bytes'] / 1e6:,.0f} MB, of which {counts['rejected']:,} are "
        f"rejected and {counts['repeated']:,} repeat a key"
        for name, counts in ((name, data["inputs"][name]) for name in TABLES)
    ]
    return (
        f"Medians of {rounds} runs on {data['measured_on']}, on {machine['cores']} cores of {machine['processor']} "
        f"with {machine['memory_gb']:.0f} GB: {'; '.join(told)}."
    )


def _comparison(found: Figures, key: str) -> Iterable[str]:
    yield "| candidate | CPU s | of the bare scan | seconds | peak, MB | anonymous, MB | start-up, CPU s |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for candidate, entry in _ranked(found[key]):
        cells = [
            NAMES[candidate],
            f"{entry['cpu_s']:.1f}",
            _times(entry, found[key]),
            f"{entry['wall_s']:.1f}",
            f"{entry['peak_mb']:,.0f}",
            f"{entry['anonymous_mb']:,.0f}",
            f"{entry['startup_cpu_s']:.1f}",
        ]
        yield "| " + " | ".join(f"**{cell}**" if candidate == "filegate" else cell for cell in cells) + " |"


def _stages(found: Figures) -> Iterable[str]:
    yield "| stage | input | CPU s | of the bare scan | anonymous memory of its function, MB |"
    yield "|---|---|--:|--:|--:|"
    for stage in found["candidates"]["filegate"]["parts"]:
        for name, key in TABLES.items():
            part = found[key]["filegate"]["parts"][stage]
            share = part["cpu_s"] / found[key]["floor"]["cpu_s"]
            yield f"| {stage} | {name} | {part['cpu_s']:.2f} | {share:.2f} {TIMES} | {found['kept'][name][stage]:.0f} |"


def _chunk(steps: Mapping[str, Mapping[str, float]]) -> Iterable[str]:
    """CPU milliseconds a step; a column an input."""
    yield "| CPU ms | " + " | ".join(steps) + " |"
    yield "|---|" + "--:|" * len(steps)
    every = dict.fromkeys(step for taken in steps.values() for step in taken)
    for step in sorted(every, key=lambda step: ORDER.index(step.partition(":")[0])):
        yield (
            f"| {step} | "
            + " | ".join(f"{taken[step]:.1f}" if step in taken else "" for taken in steps.values())
            + " |"
        )
    for name, total in {"bare scan": _scan, "Filegate": _gate}.items():
        yield f"| **{name}, together** | " + " | ".join(f"**{total(taken):.1f}**" for taken in steps.values()) + " |"
    ratios = (_gate(taken) / _scan(taken) for taken in steps.values())
    yield "| **of the bare scan** | " + " | ".join(f"**{ratio:.2f} {TIMES}**" for ratio in ratios) + " |"


def _scan(taken: Mapping[str, float]) -> float:
    return sum(spent for step, spent in taken.items() if step.startswith("bare scan"))


def _gate(taken: Mapping[str, float]) -> float:
    return sum(taken.values()) - _scan(taken)


def _targets(found: Figures) -> Iterable[str]:
    yield "| what | target | reached | |"
    yield "|---|--:|--:|---|"
    for target in targets(found):
        bound = f"{'≥' if target.more else '≤'} {target.wanted:g} {target.unit}"
        reached = f"{target.reached:.2f}" if target.unit == TIMES else f"{target.reached:.0f}"
        yield f"| {target.what} | {bound} | {reached} {target.unit} | {'reached' if target.met else '**missed**'} |"


def _versions(found: Figures) -> str:
    return ", ".join(f"{name} {number}" for name, number in found["versions"].items()) + "."


def _ranked(entries: Figures) -> list[tuple[str, Mapping[str, Any]]]:
    """The cheapest first."""
    return sorted(((each, entries[each]) for each in CANDIDATES), key=lambda pair: pair[1]["cpu_s"])


def _ratio(entries: Figures, of: str = "filegate", to: str = "floor") -> float:
    return float(entries[of]["cpu_s"] / entries[to]["cpu_s"])


def _cpu(entries: Figures) -> dict[str, float]:
    return {candidate: entry["cpu_s"] for candidate, entry in entries.items()}


def _times(entry: Mapping[str, Any], entries: Figures) -> str:
    return f"{entry['cpu_s'] / entries['floor']['cpu_s']:.2f} {TIMES}" if "floor" in entries else ""


def _told(entry: Mapping[str, Any], entries: Figures) -> str:
    return f"{entry['cpu_s']:.1f} s, {_times(entry, entries)}, {entry['peak_mb'] / 1000:.1f} GB"
