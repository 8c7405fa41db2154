"""The command line as a person uses it: commands are processes, and clouds are real ones on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FILEGATE = [sys.executable, "-c", "from filegate.cli import main; main()"]
PATIENCE = 120.0  # seconds

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")

ORDERS = """
import pandera.polars as pa
from filegate import Csv, Dataset

class Order(pa.DataFrameModel):
    id: int = pa.Field(ge=1)
    country: str = pa.Field(isin=["AT", "CH", "DE"])

dataset = Dataset("orders", schema=Order, source=Csv(), partition_by=["country"], tolerated_rejects=0.5)
"""
PARCELS = ORDERS.replace('"orders"', '"parcels"')
GOOD = "id,country\n1,AT\n2,CH\n3,AT\n"
PARTIAL = "id,country\n1,AT\n2,FR\n3,AT\n"
BAD = "id,country\n1,UK\n2,FR\n3,AT\n"


@dataclass(frozen=True)
class Home:
    """A user: folders of its own, so that what it leaves behind is seen."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, root: Path) -> Home:
        for folder in ("datasets", "tmp", "cache"):
            (root / folder).mkdir(parents=True)
        (root / "datasets/orders.py").write_text(ORDERS)
        (root / "datasets/parcels.py").write_text(PARCELS)
        (root / "datasets/broken.py").write_text("import no_such_module\n")
        for name, text in {"good": GOOD, "partial": PARTIAL, "bad": BAD}.items():
            (root / f"orders-{name}.csv").write_text(text)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FILEGATE_"))}
        # Functions inherit TMPDIR, so that their processes can be told from all others.
        own = {"TMPDIR": str(root / "tmp"), "XDG_CACHE_HOME": str(root / "cache"), "COLUMNS": "100"}
        return cls(root, {**kept, **own})

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*FILEGATE, *map(str, words)],
            cwd=self.root,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def answers(self, *words: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]

    def processes(self) -> list[int]:
        """All that run for this user."""
        mark = f"TMPDIR={self.root / 'tmp'}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
            except OSError:
                continue
        return found

    def left(self) -> list[str]:
        """Files that a command should have cleaned up."""
        folders = (self.root / "tmp", self.root / "cache")
        return [str(file) for folder in folders for file in folder.rglob("*") if not file.is_dir()]


def wait_until(reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.05)


@contextmanager
def local(home: Home) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = home.start("local", "--json")
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, subprocess.Popen[str]]]:
    """A user with a running `filegate local`, and its process."""
    home = Home.at(tmp_path_factory.mktemp("home"))
    with local(home) as (process, _):
        yield home, process
    wait_until(lambda: not home.processes())
    assert home.left() == []


@pytest.fixture
def home(running: tuple[Home, subprocess.Popen[str]]) -> Home:
    return running[0]


def test_every_end_has_its_exit_status(home: Home) -> None:
    ends = {"good": ("SUCCEEDED", 0), "partial": ("PARTIAL", 0), "bad": ("REJECTED", 3)}
    for name, (status, code) in ends.items():
        done = home.run("drop", f"orders-{name}.csv", "--json")
        assert (json.loads(done.stdout)["status"], done.returncode) == (status, code)
    done = home.run("drop", "orders-good.csv", "orders-bad.csv")
    assert (done.returncode, done.stderr) == (3, "")
    assert [line.split()[1:3] for line in done.stdout.splitlines()[1:3]] == [
        ["orders-good.csv", "SUCCEEDED"],
        ["orders-bad.csv", "REJECTED"],
    ]
    done = home.run("drop", "-d", "broken", "orders-good.csv", "orders-bad.csv", "--json")
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["FAILED", "FAILED"]
    assert done.returncode == 4
    assert "no_such_module" in json.loads(done.stdout.splitlines()[0])["error"]["message"]


def test_a_file_that_starts_no_run_is_not_delivered(home: Home) -> None:
    unfinished = home.root / "orders-new.csv.filepart"
    unfinished.write_bytes((home.root / "orders-good.csv").read_bytes())
    before = len(home.answers("runs"))
    done = home.run("drop", "orders-good.csv", unfinished.name)
    assert done.returncode == 2
    assert f"{unfinished.name} starts no run: keys like *filepart are ignored." in " ".join(done.stderr.split())
    assert len(home.answers("runs")) == before


def test_a_result_keeps_its_shape_and_adds_up(home: Home) -> None:
    (result,) = home.answers("drop", "orders-partial.csv")
    assert {name: result[name] for name in ("dataset", "rows_in", "rows_accepted", "rows_rejected", "rows_out")} == {
        "dataset": "orders",
        "rows_in": 3,
        "rows_accepted": 2,
        "rows_rejected": 1,
        "rows_out": 2,
    }
    assert result["rules"] == {"country:isin": 1}
    assert result["object"].startswith("s3://")
    assert all(address.endswith(".parquet") and "/country=AT/" in address for address in result["output"])
    assert result["error"] is None
    assert result["seconds"] > 0
    (again,) = home.answers("show", result["run_id"][:8])
    assert [rule["examples"][0]["line"] for rule in result.pop("explanation")] == [3]
    assert result.pop("file") == "orders-partial.csv"
    assert {name: again[name] for name in result} == result
    assert result["run_id"] in [run["run_id"] for run in home.answers("runs", "--status", "PARTIAL")]


def test_what_a_run_cost_is_added_to_its_day(home: Home) -> None:
    def orders_cost() -> float:
        return sum(day["estimated_usd"].get("orders", 0) for day in home.answers("cost", "--days", 2))

    before = orders_cost()
    for name in ("good", "bad"):  # one that is committed, and one that is not
        before += _cost_of(home, json.loads(home.run("drop", f"orders-{name}.csv", "--json").stdout)["run_id"])
    assert orders_cost() == pytest.approx(before, abs=1e-9)
    assert before > 0
    done = home.run("cost")
    assert (done.returncode, done.stdout.splitlines()[-1].split()[0]) == (0, "total")
    assert "has no bill" in done.stderr


def _cost_of(home: Home, run_id: str) -> float:
    (run,) = home.answers("show", run_id)
    cost = run["used"]["cost_usd"]
    assert isinstance(cost, float)
    return cost


def test_rejected_rows_are_shown_as_they_came(home: Home) -> None:
    (result,) = home.answers("drop", "orders-partial.csv")
    (row,) = home.answers("quarantine", result["run_id"][:12])
    assert (row["row"], row["byte_offset"]) == (2, PARTIAL.index("2,FR"))
    assert row["values"] == {"id": "2", "country": "FR"}
    assert [(broken["rule"], broken["value"]) for broken in row["broken"]] == [("country:isin", "FR")]


def test_output_is_fetched(home: Home) -> None:
    done = home.run("drop", "orders-partial.csv", "--out", "made", "--json")
    run_id = json.loads(done.stdout)["run_id"]
    made = home.root / "made"
    rows = pl.read_parquet(made / "orders", hive_partitioning=True).sort("id")
    assert rows.select("id", "country").rows() == [(1, "AT"), (3, "AT")]
    assert pl.read_parquet(made / f"_quarantine/orders/{run_id}")["row"].to_list() == [2]


def test_a_mended_contract_lets_the_quarantined_rows_through(running: tuple[Home, subprocess.Popen[str]]) -> None:
    """The edit of the dataset takes effect while `filegate local` goes on."""
    home, process = running
    (first,) = home.answers("drop", "orders-partial.csv", "--dataset", "parcels")
    messages = [message["run_id"] for message in home.answers("dlq", "list", "-d", "parcels")]
    assert messages == [first["run_id"]]

    (home.root / "datasets/parcels.py").write_text(PARCELS.replace('"CH"', '"CH", "FR"'))
    assert process.stderr is not None
    assert "The datasets changed" in process.stderr.readline()

    replay = home.run("dlq", "replay", first["run_id"][:6], "--json")
    second = json.loads(replay.stdout)
    assert (replay.returncode, second["status"], second["rows_in"], second["rows_out"]) == (0, "SUCCEEDED", 1, 1)
    assert home.answers("dlq", "list", "-d", "parcels") == []
    (story,) = home.answers("show", first["run_id"])
    assert story["replayed_by"] == second["run_id"]
    assert story["output"] == first["output"], "the replay adds to the run's output"
    assert home.run("dlq", "replay", first["run_id"][:6]).returncode == 2, "there is nothing to replay any more"


def test_local_ends_with_ctrl_c_and_is_forgotten(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with local(home) as (process, told):
        assert told["endpoint"].startswith("http://127.0.0.1:")
        assert told["outputs"]["raw_bucket"]
        assert home.run("local").returncode == 2, "there can be only one"
        home.run("drop", "orders-good.csv")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    wait_until(lambda: not home.processes())
    assert home.left() == []
    assert home.run("runs").returncode == 1


def test_a_killed_local_is_noticed(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with local(home) as (process, _):
        home.run("drop", "orders-good.csv")
        process.kill()
        process.wait(PATIENCE)
    wait_until(lambda: not home.processes())
    assert "No cloud is running." in home.run("runs").stderr
    assert not list((home.root / "cache").rglob("*.json"))


def test_drop_brings_its_own_cloud(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    done = home.run("drop", "orders-partial.csv")
    assert done.returncode == 0
    assert "PARTIAL" in done.stdout
    assert "--out" in done.stderr
    assert home.processes() == []
    assert home.left() == []


@pytest.mark.parametrize(
    ("words", "number"),
    [(["drop", *(f"orders-{number}.csv" for number in range(20))], signal.SIGINT), (["demo"], signal.SIGTERM)],
)
def test_an_interruption_leaves_nothing(tmp_path: Path, words: list[str], number: signal.Signals) -> None:
    home = Home.at(tmp_path / "home")
    samples = home.root / "datasets/samples"
    samples.mkdir()
    shutil.copy(home.root / "orders-good.csv", samples)
    for copy in range(20):
        shutil.copy(home.root / "orders-good.csv", home.root / f"orders-{copy}.csv")
    process = home.start(*words)
    wait_until(lambda: len(home.processes()) > 2)  # functions are at work
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert home.processes() == []
    assert home.left() == []


def test_the_demo_shows_everything_and_leaves_nothing(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    shutil.rmtree(home.root / "datasets")
    shutil.copytree(REPOSITORY / "datasets", home.root / "datasets", ignore=shutil.ignore_patterns("__pycache__"))
    samples = sorted(file.name for file in (home.root / "datasets/samples").iterdir())

    done = home.run("demo")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 110
    for part in ("Files", "Rules", "Quarantine", "Dead-letter queue", "Alert", "Next", "[filegate local]"):
        assert part in done.stdout
    ends = [line.split()[1:3] for line in lines[2 : 2 + len(samples)]]
    assert [name for name, _ in ends] == samples
    assert {status for _, status in ends} == {"SUCCEEDED", "PARTIAL", "REJECTED"}
    assert home.processes() == []
    assert home.left() == []
