"""Memory does not follow the file's size: ingest and validate, each in a fresh process, on files of 10 to 300 MB."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from filegate.aws_lambda.settings import FunctionSettings
from filegate.formats.text import MAX_CHUNK_ROWS
from filegate.runs.run import Range, Request, Run, run_id_of
from filegate.runs.states import State
from harness.stage_process import probed as in_a_process

REPOSITORY = Path(__file__).parents[2]
MB = 1_000_000
LIMIT = 200 * MB
"""Validate's function has 256 MB; the interpreter's and the libraries' files are mapped, and may be dropped."""
FUNCTION_MEMORY = 256 * 1024 * 1024
SMALL, MIDDLE, LARGE = 10 * MB, 50 * MB, 300 * MB

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")


@dataclass(frozen=True)
class Probe:
    """What a stage took."""

    rows_in: int
    rows_accepted: int
    anonymous_bytes: int
    cpu_seconds: float


def repeated(lines: list[bytes], renamed: Callable[[bytes, int], bytes], size: int) -> Iterator[bytes]:
    """The lines again and again, with keys of their own each time, up to about `size` bytes."""
    written = 0
    for turn in count():
        for line in lines:
            if written >= size:
                return
            fresh = renamed(line, turn)
            written += len(fresh)
            yield fresh


def flight(line: bytes, turn: int) -> bytes:
    """The same flight with another number: the key of flights holds it."""
    fields = line.split(b",")
    fields[10] = b"%d" % (int(fields[10]) + 10_000 * turn)
    return b",".join(fields)


def order_line(line: bytes, turn: int) -> bytes:
    """The same line of another order."""
    order, rest = line.split(b",", 1)
    return b"%d,%s" % (int(order) + 10_000_000 * turn, rest)


RENAMED = {"flights": flight, "lineitem": order_line}


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], dict[str, Probe]]:
    """Ingests and validates a file of a dataset and a size, once."""
    samples = tmp_path_factory.mktemp("samples")
    script = REPOSITORY / "scripts" / "sample_data.py"
    subprocess.run([sys.executable, script, samples, "--scale", "0.01"], check=True, stdout=subprocess.DEVNULL)

    @cache
    def probe(dataset: str, size: int) -> dict[str, Probe]:
        folder = tmp_path_factory.mktemp(f"{dataset}-{size}")
        header, *lines = (samples / f"{dataset}.csv").read_bytes().splitlines(keepends=True)
        key = f"{dataset}/{size}.csv"
        (folder / "raw" / dataset).mkdir(parents=True)
        with (folder / "raw" / key).open("wb") as file:
            file.write(header)
            file.writelines(repeated(lines, RENAMED[dataset], size))
        return _probed(folder, key)

    return probe


def _run(key: str) -> Run:
    request = Request(bucket="raw", key=key, version_id="only")
    return Run(run_id=run_id_of("raw", key, "only"), execution="by hand", request=request)


def _probed(folder: Path, key: str) -> dict[str, Probe]:
    """Ingests and validates the object that lies in the folder's raw bucket."""
    run = _run(key)
    results = {}
    for state in (State.INGEST, State.VALIDATE):
        done = in_a_process(state, run, folder, REPOSITORY / "datasets")
        run = done.run
        assert run.ingested is not None
        accepted = run.validated.rows_accepted if run.validated is not None else 0
        results[state.stage] = Probe(run.ingested.rows, accepted, done.anonymous_bytes, done.cpu_seconds)
    (folder / "raw" / key).unlink()
    return results


@pytest.mark.parametrize("dataset", RENAMED)
@pytest.mark.parametrize("stage", ["ingest", "validate"])
def test_a_stage_keeps_far_below_its_functions_memory(
    probed: Callable[[str, int], dict[str, Probe]],
    record_property: Callable[[str, object], None],
    dataset: str,
    stage: str,
) -> None:
    for size in (SMALL, LARGE):
        probe = probed(dataset, size)[stage]
        record_property(f"{dataset} {stage} {size // MB} MB", f"{probe.anonymous_bytes / MB:.0f} MB anonymous")
        assert probe.anonymous_bytes < LIMIT


@pytest.mark.parametrize("dataset", RENAMED)
@pytest.mark.parametrize("stage", ["ingest", "validate"])
def test_a_stages_memory_does_not_follow_the_files_size(
    probed: Callable[[str, int], dict[str, Probe]], dataset: str, stage: str
) -> None:
    middle, large = (probed(dataset, size)[stage] for size in (MIDDLE, LARGE))
    assert large.anonymous_bytes < 1.25 * middle.anonymous_bytes


@pytest.mark.parametrize(("dataset", "share"), [("flights", 336_055 / 336_776), ("lineitem", 1.0)])
def test_the_large_file_is_validated_like_the_small_one(
    probed: Callable[[str, int], dict[str, Probe]], dataset: str, share: float
) -> None:
    """Flat memory proves nothing if rows are missing."""
    probe = probed(dataset, LARGE)["validate"]
    assert probe.rows_in > 2_000_000
    assert probe.rows_accepted / probe.rows_in == pytest.approx(share, abs=1e-4)


NUMBERS = """\
import pandera.polars as pa
from filegate import Csv, Dataset

SCHEMA = pa.DataFrameSchema({"id": pa.Column(int, unique=True), "a": pa.Column(int), "b": pa.Column(int)})
dataset = Dataset("numbers", schema=SCHEMA, source=Csv(), key=["id", "a"])
"""


def test_a_range_of_short_rows_with_keys_fits_into_the_function(tmp_path: Path) -> None:
    """A range has so many chunks, and a chunk so many rows: short ones make most keys of the fewest bytes."""
    datasets, file = tmp_path / "datasets", tmp_path / "raw" / "numbers" / "a.csv"
    datasets.mkdir()
    (datasets / "numbers.py").write_text(NUMBERS)
    file.parent.mkdir(parents=True)
    defaults = FunctionSettings.model_fields
    rows = (defaults["fan_out_bytes"].default // defaults["chunk_bytes"].default + 1) * MAX_CHUNK_ROWS
    numbers = pl.LazyFrame().select(id=pl.int_range(rows)).with_columns(a=pl.col("id") % 977, b=7)
    numbers.sink_csv(file)
    run = in_a_process(State.INGEST, _run("numbers/a.csv"), tmp_path, datasets).run
    assert run.fan_out is not None
    probe = in_a_process(State.VALIDATE_RANGE, run.with_range(Range(index=0)), tmp_path, datasets)
    assert probe.anonymous_bytes < LIMIT


WIDE = [f"c{index}" for index in range(9_000)]
SMALL_FILES = {
    "blank lines": ("reject", b"a,b\n1,2\n" + b"\n" * (6 << 20)),
    "lines of a blank": ("reject", b"a,b\n1,2\n" + b" \n" * (3 << 20)),
    "rescued columns": ("rescue", ",".join(["a", "b", *WIDE]).encode() + b"\n" + (b"1" + b",1" * 9_001 + b"\n") * 347),
    "a million fields": ("reject", b"a,b\n" + (b"," * 1_000_000 + b"\n") * 6),
    "rescued nulls": ("rescue", ",".join(["a", "b", *WIDE]).encode() + b"\n" + (b"," * 9_001 + b"\n") * 660),
}
WORDS = """\
import pandera.polars as pa
from filegate import Csv, Dataset

SCHEMA = pa.DataFrameSchema({name: pa.Column(str, nullable=True) for name in "ab"})
dataset = Dataset("words", schema=SCHEMA, source=Csv(), on_unknown_columns="UNKNOWN", tolerated_rejects=1.0)
"""


@pytest.mark.parametrize("kind", SMALL_FILES)
def test_a_small_file_of_many_lines_or_columns_fits_into_the_functions(kind: str, tmp_path: Path) -> None:
    """Six megabytes of text, or kilobytes of gzip, are little only in the file."""
    on_unknown_columns, data = SMALL_FILES[kind]
    datasets, file = tmp_path / "datasets", tmp_path / "raw" / "words" / "a.csv"
    datasets.mkdir()
    (datasets / "words.py").write_text(WORDS.replace("UNKNOWN", on_unknown_columns))
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    ingested = in_a_process(State.INGEST, _run("words/a.csv"), tmp_path, datasets)
    assert ingested.anonymous_bytes < 2 * FUNCTION_MEMORY
    assert in_a_process(State.VALIDATE, ingested.run, tmp_path, datasets).anonymous_bytes < FUNCTION_MEMORY


FLIGHT = b"2013,2,11,1508,1400,68,1807,1636,91,DL,%d,N942DN,LGA,ATL,122,762,14,0,2013-02-11T19:00:00Z\n"
BAD_FLIGHTS = {
    "a value that is not allowed": FLIGHT.replace(b",DL,", b",XX,"),
    "a field too few": FLIGHT.replace(b"2013,", b"", 1),
    "hardly anything": b"%d\n",
}


@pytest.mark.parametrize("row", BAD_FLIGHTS.values(), ids=BAD_FLIGHTS)
def test_a_file_of_nothing_but_rejects_fits_into_the_function(row: bytes, tmp_path: Path) -> None:
    """Rejected rows cost most: each with its values or bytes, its position and its reasons."""
    header = (REPOSITORY / "datasets/samples/flights.csv").read_bytes().split(b"\n", 1)[0] + b"\n"
    file = tmp_path / "raw" / "flights" / "bad.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(header + b"".join(row % number for number in range(400_000)))
    probe = _probed(tmp_path, "flights/bad.csv")["validate"]
    assert (probe.rows_in, probe.rows_accepted) == (400_000, 0)
    assert probe.anonymous_bytes < FUNCTION_MEMORY
