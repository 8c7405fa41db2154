"""Names in the code are the field's own; CONTRIBUTING says which word is for what."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "src").rglob("*.py"), *(ROOT / "images").rglob("*.py"), *(ROOT / "harness").rglob("*.py")]
INSTEAD = {
    r"having": "with_… or replace",
    r"_?hand(ed|ing)?_on(_.*)?|LITTLE": "write_manifest, read_manifest, INLINE_LIMIT",
    r"_?(told|tells?|untold)(_.*)?": "report, say, show",
    r"_?gather(ed)?(_.*)?": "collect",
    r"_?(spread|is_wide)": "fan_out, should_fan_out",
    r"_?(in_time|at_once|of_range)": "until_deadline, map_concurrently, range_address",
    r"_?(looks?|again|settled?)": "passes, recheck, resolve",
    r"_?(judge[sd]?|Judged?)(_.*)?": "predicate, compiled rule",
    r"_?(doubtful|mistyped)": "cast columns, cast_failed",
    r"_?(parted|cut|Piece)": "split, chunk",
    r"_?(pace|Pace)": "progress, eta",
    r"_?(Ear|Door|seams)": "AlertCapture, RecordingProxy, patches",
    r"_?(Held|[Hh]olding|Fate)": "leased messages, DataResource, data policy",
    r"_?(MOST|LEAST|LONGEST|SHORTEST)(_.*)?|_?(ENOUGH|FEW)": "MAX_…, MIN_…",
    r"_?mend(ed)?(_.*)?": "fix",
}
DOCUMENTED = {"again", "looks"}
"""Fields of documents that lie in buckets and execution histories: these keep their names."""


def defined(tree: ast.AST) -> Iterator[str]:
    """Names of modules, classes, functions, parameters, attributes and variables, where they are given."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def private_words(source: str) -> dict[str, str]:
    """Names of the source that have a better one, with it."""
    names = set(defined(ast.parse(source))) - DOCUMENTED
    return {name: better for name in names for word, better in INSTEAD.items() if re.fullmatch(word, name)}


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_name_is_a_private_word(file: Path) -> None:
    assert private_words(f"{file.stem} = 0\n{file.read_text()}") == {}


def test_a_private_word_is_found_where_it_is_defined() -> None:
    source = "MOST_ROWS = 1\nclass Ear:\n    def tell(self, having): self.judged = almost = having\n"
    assert set(private_words(source)) == {"MOST_ROWS", "Ear", "tell", "having", "judged"}
