"""`filegate try` shows on this machine what a deployment would make of a file, and which rows break which rule."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from filegate.cli import shared
from tests.unit.cli.conftest import Filegate, documents

DECLARATION = """
import pandera.polars as pa
from filegate import Csv, Dataset

class Row(pa.DataFrameModel):
    id: int = pa.Field(ge=1)
    name: str = pa.Field(isin=["ada", "alan"])

dataset = Dataset("people", schema=Row, source=Csv(), tolerated_rejects=0.5)
"""
PEOPLE = "name,id\nada,1\nalan,-1\neve,2\nada,3\nada,4\nmallory,5\neve,6\nada,7\nada,8\n"


@pytest.fixture
def declared(filegate: Filegate, tmp_path: Path) -> Path:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "people.py").write_text(DECLARATION)
    (tmp_path / "people.csv").write_text(PEOPLE)
    return tmp_path


def test_a_person_sees_values_lines_and_the_broken_columns_first(filegate: Filegate, declared: Path) -> None:
    result = filegate("try", "people.csv")
    assert result.exit_code == 0
    table, explained = result.stdout.split("\n\n", 1)
    assert table.splitlines()[1].startswith("people   people.csv  PARTIAL   9         5         4    5")
    assert explained == (
        "name:isin  3 rows\n"
        "  allowed   one of ada, alan\n"
        '  received  "eve" (2), "mallory" (1)\n'
        "  people.csv:4  row 3, byte 22\n"
        "    name=eve  id=2\n"
        "  people.csv:7  row 6, byte 40\n"
        "    name=mallory  id=5\n"
        "  people.csv:8  row 7, byte 50\n"
        "    name=eve  id=6\n"
        "\n"
        "id:ge  1 row\n"
        "  allowed   >= 1\n"
        '  received  "-1"\n'
        "  people.csv:3  row 2, byte 14\n"
        "    id=-1  name=alan\n"
    )


def test_a_program_gets_the_same(filegate: Filegate, declared: Path) -> None:
    (document,) = documents(filegate("try", "people.csv", "--json"))
    assert (document["status"], document["rows_rejected"], document["file"]) == ("PARTIAL", 4, "people.csv")
    rule = document["explanation"][0]
    assert (rule["rule"], rule["column"], rule["allowed"], rule["rows"]) == ("name:isin", "name", "one of ada, alan", 3)
    assert rule["values"] == [{"value": "eve", "rows": 2}, {"value": "mallory", "rows": 1}]
    assert rule["examples"][0] == {
        "line": 4,
        "row": 3,
        "byte_offset": 22,
        "values": {"name": "eve", "id": "2"},
        "raw": None,
        "broken": [{"rule": "name:isin", "column": "name", "value": "eve", "allowed": "one of ada, alan"}],
    }


@pytest.mark.parametrize(
    ("content", "status"),
    [("name,id\nada,1\n", 0), (PEOPLE, 0), ("name,id\neve,1\n", 3), ("name,number\nada,1\n", 3), ("", 3)],
)
def test_the_exit_status_is_that_of_drop(filegate: Filegate, declared: Path, content: str, status: int) -> None:
    (declared / "people.csv").write_text(content)
    assert filegate("try", "people.csv").exit_code == status


def test_a_file_that_is_refused_as_a_whole_says_why(filegate: Filegate, declared: Path) -> None:
    (declared / "people.csv").write_text("name,number\nada,1\n")
    out = filegate("try", "people.csv").stdout
    assert "SchemaMismatch" in out
    assert "missing 'id'" in out


def test_several_files_of_several_datasets(filegate: Filegate, declared: Path) -> None:
    (declared / "datasets" / "staff.py").write_text(DECLARATION.replace('"people"', '"staff"'))
    (declared / "staff.csv").write_text("name,id\neve,1\n")
    result = filegate("try", "people.csv", "staff.csv")
    assert result.exit_code == 3
    assert [line.split()[:3] for line in result.stdout.splitlines()[1:3]] == [
        ["people", "people.csv", "PARTIAL"],
        ["staff", "staff.csv", "REJECTED"],
    ]
    assert "staff.csv:2  row 1, byte 8" in result.stdout


def test_what_it_became_is_kept_on_demand(filegate: Filegate, declared: Path) -> None:
    assert filegate("try", "people.csv", "--out", "made").exit_code == 0
    parts = sorted(file.relative_to(declared / "made").parts[0] for file in (declared / "made").rglob("*.parquet"))
    assert parts == ["_quarantine", "people"]


def test_a_folder_that_cannot_be_made_is_reported_before_anything_runs(filegate: Filegate, declared: Path) -> None:
    (declared / "taken").touch()
    result = filegate("try", "people.csv", "--out", "taken")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "taken: File exists.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.csv",), "There is no file nowhere.csv."),
        (("people.csv", "-d", "nope"), "There is no dataset 'nope'."),
        (("other.csv",), "Pass --dataset. Declared are people."),
        (("people.csv", "--datasets", "nowhere"), "There is no folder nowhere."),
    ],
)
def test_wrong_use(filegate: Filegate, declared: Path, words: tuple[str, ...], says: str) -> None:
    (declared / "other.csv").write_text(PEOPLE)
    result = filegate("try", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_a_terminal_of_80_columns_is_not_exceeded(
    filegate: Filegate, declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = [f"column_{number}" for number in range(40)]
    fields = "".join(f"    {name}: int\n" for name in columns)
    text = f"import pandera.polars as pa\nfrom filegate import Csv, Dataset\nclass Row(pa.DataFrameModel):\n{fields}\n"
    (declared / "datasets" / "wide.py").write_text(text + 'dataset = Dataset("wide", schema=Row, source=Csv())\n')
    (declared / "wide.csv").write_text(
        ",".join(columns) + "\n" + "1," * 20 + '"so long\x1b a value"' + ",1" * 19 + "\n"
    )
    written = io.StringIO()
    terminal = Console(file=written, width=80, force_terminal=True, color_system=None, markup=False, highlight=False)
    monkeypatch.setattr(shared, "console", lambda *, stderr: terminal)
    filegate("try", "wide.csv")
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    place = next(index for index, line in enumerate(lines) if "wide.csv:2" in line)
    assert lines[place + 1].startswith(r'    column_20="so long\x1b a value"  column_0=1  column_1=1')
    assert lines[place + 2].endswith("…")


def test_no_cloud_is_imported(declared: Path) -> None:
    code = (
        "import sys\n"
        "from filegate.cli.app import app\n"
        "try: app(['try', 'people.csv'])\n"
        "except SystemExit: pass\n"
        "print(*sorted({'boto3', 'botocore', 'ministack', 'filegate.devcloud'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=declared)
    assert done.stderr.strip() == ""
    assert "PARTIAL" in done.stdout


def test_a_terminal_shows_how_far_a_long_run_is(
    filegate: Filegate, declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    terminal = Console(file=written, width=80, force_terminal=True, color_system=None, markup=False, highlight=False)
    monkeypatch.setattr(shared, "console", lambda *, stderr: terminal)
    monkeypatch.setattr("filegate.pipeline.progress.REPORT_INTERVAL", timedelta(0))
    updates: list[str] = []
    monkeypatch.setattr("rich.status.Status.update", lambda self, status: updates.append(status))
    assert filegate("try", "people.csv").exit_code == 0
    assert "Running people.csv … splitting: 9 rows" in updates
    assert "Running people.csv … validating: 9 of 9 rows" in updates
