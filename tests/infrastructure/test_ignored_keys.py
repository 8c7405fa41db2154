"""Which keys start a run: the rule's pattern, asked of other matchers than the product's own."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filegate.operations.deliver import ignored_by
from scripts.deployment import PRODUCTION, Deployment, load_templates

MAX_COMPLEXITY = 10
"""Of a rule's pattern in EventBridge, which refuses a more complex one: "Rule is too complex"."""

START_NO_RUN = [
    *("_SUCCESS", ".DS_Store", "flights/_SUCCESS", "flights/.DS_Store", "flights/2013/.2013-01.csv.x7Kq2a"),
    *("flights/_temporary/0/task_1/part-0.parquet", "flights/day=1/_committed_1", "flights/.staging/1.csv"),
    *("flights/1.csv.filepart", "flights/1.csv.part", "flights/1.csv.partial", "flights/1.csv.ab12.partial"),
    *("flights/1.csv.tmp", "flights/1.temp", "flights/1.csv.crdownload", "flights/1.csv._COPYING_", "flights/.part"),
    *("flights/", "flights/2013/", "flights/2013_$folder$", "flights/manifest.json", "flights/export/1/manifest.json"),
    *("flights/a\nb.tmp", "flights/é/_ü"),
]
START_A_RUN = [
    *(
        "flights/1.csv",
        "flights/1.csv.gz",
        "flights/day=1/é + ü&.csv",
        'flights/a "quoted" \\ name.csv',
        "flights/x_y.csv",
    ),
    *(
        "flights/part-00000.parquet",
        "flights/1.part.csv",
        "flights/1.parts",
        "flights/tmp/1.csv",
        "flights/tmp",
        "flights/a.b",
    ),
    *(
        "flights/1.csv.PART",
        "flights/partial",
        "flights/manifest.json.gz",
        "flights/my-manifest.json",
        "flights/a_.csv",
    ),
]


@pytest.fixture(scope="module")
def patterns() -> list[str]:
    (rule,) = (each for each in Deployment(load_templates(), PRODUCTION).resources if each.id == "ObjectCreatedRule")
    (condition,) = rule.properties["EventPattern"]["detail"]["object"]["key"]  # several would be an "or"
    found: list[str] = condition["anything-but"]["wildcard"]
    return found


@cache
def default() -> str:
    return str(load_templates()["main"]["Parameters"]["IgnoredKeys"]["Default"])


def test_the_rule_has_the_one_list(patterns: list[str], templates: dict[str, Any]) -> None:
    assert ",".join(patterns) == default()
    assert templates["main"]["Outputs"]["IgnoredKeys"]["Value"] == {"Ref": "IgnoredKeys"}


@pytest.mark.parametrize(("keys", "start"), [(START_NO_RUN, False), (START_A_RUN, True)])
def test_names_of_hidden_and_unfinished_files_start_no_run(patterns: list[str], keys: list[str], start: bool) -> None:
    for key in keys:
        assert any(fnmatchcase(key, pattern) for pattern in patterns) != start, key
        assert (ignored_by(key, default()) is None) == start, key


@given(key=st.text(st.sampled_from("_./$tmpfoldersartilCONYIGmnj-é\n"), max_size=20))
def test_commands_read_the_list_as_another_matcher_does(key: str) -> None:
    matched = [pattern for pattern in default().split(",") if fnmatchcase(key, pattern)]
    assert ignored_by(key, default()) == next(iter(matched), None)


@pytest.mark.parametrize(
    ("pattern", "key", "ignores"),
    [
        (r"\*.csv", "*.csv", True),
        (r"\*.csv", "a.csv", False),
        (r"a\\*", r"a\b", True),
        ("a?[b]", "a?[b]", True),
        ("a?[b]", "axb", False),
        ("*", "a", True),
        ("", "a", False),
    ],
)
def test_a_backslash_makes_a_star_a_star_and_nothing_else_is_special(pattern: str, key: str, ignores: bool) -> None:
    assert ignored_by(key, pattern) == (pattern if ignores else None)


def test_eventbridge_takes_so_complex_a_list(patterns: list[str]) -> None:
    assert complexity(patterns) < MAX_COMPLEXITY, "one more pattern must find room"


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*kiwi*", "*BASE_QuxB*", "*Delta*", "*a/example-lake-abc98765432*"], 7),
        (["*a" * 5 + "*"], 11),
    ],
)
def test_complexity_is_measured_as_by_the_ruler(patterns: list[str], expected: int) -> None:
    """As in the tests of AWS's event-ruler, on which EventBridge runs."""
    assert complexity(patterns) == expected


class _Place:
    """A position in patterns: what may follow it."""

    def __init__(self, *, repeats: bool = False) -> None:
        self.repeats = repeats
        self.next: dict[str, list[_Place]] = {}
        self.stars: list[_Place] = []


def complexity(patterns: list[str]) -> int:
    """How many positions of an anything-but's wildcards one value can be at once, at worst.

    Up to its first star a pattern shares its positions with others; the end is one for all.
    https://github.com/aws/event-ruler#machine-complexity
    """
    start, end = _Place(), _Place()
    shared: dict[str, _Place] = {}
    for pattern in patterns:
        text, place = f'"{pattern}"', start
        for index, character in enumerate(text):
            before = text[: index + 1]
            fresh = end if index == len(text) - 1 else _Place(repeats=character == "*")
            following = shared.setdefault(before, fresh) if "*" not in before[:-1] and fresh is not end else fresh
            after = place.stars if character == "*" else place.next.setdefault(character, [])
            if following not in after:
                after.append(following)
            place = following
    worst, seen, waiting = 0, set(), [frozenset([start])]
    characters = {'"', "\0", *"".join(patterns)} - {"*"}
    while waiting:
        here = _with_empty_stars(waiting.pop())
        for character in characters:
            there = frozenset(
                [place for place in here if place.repeats]
                + [following for place in here for following in place.next.get(character, [])]
            )
            worst = max(worst, len(_with_empty_stars(there)))
            if there not in seen:
                seen.add(there)
                waiting.append(there)
    return worst


def _with_empty_stars(places: frozenset[_Place]) -> frozenset[_Place]:
    return places.union(*(place.stars for place in places))
