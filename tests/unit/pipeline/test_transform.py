"""Transform publishes what the dataset makes of the accepted rows, and says so when it cannot."""

import io

import polars as pl
import pytest

from filegate.errors import ConservationError, TransformFailed
from filegate.pipeline import transform as transform_module
from filegate.pipeline.transform import transform
from filegate.runs.address import Address

from .conftest import ORDERS, Pipeline

ROWS = "id,country,amount\n1,DE,1\n2,FR,2\n3,DE,3\n1,DE,4\n2,FR,5\n"


def declare(pipeline: Pipeline, function: str, **policies: str) -> None:
    options = "".join(f", {name}={value}" for name, value in policies.items())
    body = ORDERS.replace("tolerated_rejects=0.5)", f"transform=transform{options})")
    pipeline.declare("orders", f"def transform(rows, references):\n    {function}\n{body}")


def test_the_transform_runs_over_accepted_rows(pipeline: Pipeline) -> None:
    declare(pipeline, "return rows.with_columns(double=pl.col('amount') * 2)")
    pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert pipeline.live("orders")["double"].to_list() == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("chunk_bytes", [8, 1 << 20])
def test_the_first_row_of_a_key_is_published(pipeline: Pipeline, chunk_bytes: int) -> None:
    declare(pipeline, "return rows", key="['id']")
    pipeline.chunk_bytes = chunk_bytes
    run = pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert run.transformed is not None
    assert (run.transformed.rows_out, run.transformed.rows_deduplicated) == (3, 2)
    assert pipeline.live("orders").sort("id")["amount"].to_list() == [1, 2, 3]


def test_partitions_become_hive_folders(pipeline: Pipeline) -> None:
    declare(
        pipeline,
        "return rows.with_columns(tag=pl.when(pl.col('id') < 3).then(pl.lit('a/b=c')))",
        partition_by="['country', 'tag']",
    )
    run = pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    folders = sorted(key.rsplit("/", 1)[0] for key in pipeline.files("orders"))
    assert folders == [
        "orders/country=DE/tag=__HIVE_DEFAULT_PARTITION__",
        "orders/country=DE/tag=a%2Fb%3Dc",
        "orders/country=FR/tag=a%2Fb%3Dc",
    ]
    assert all(key.endswith(f"{run.run_id}-00000.parquet") for key in pipeline.files("orders"))
    assert set(pipeline.live("orders").columns) == {"id", "amount"}


def test_a_row_wise_transform_may_not_change_the_number_of_rows(pipeline: Pipeline) -> None:
    declare(pipeline, "return rows.filter(pl.col('id') > 1)")
    with pytest.raises(TransformFailed, match=r'made 3 rows of 5\..*transform_scope="object"'):
        pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))


@pytest.mark.parametrize("chunk_bytes", [8, 1 << 20])
def test_a_transform_over_the_object_sees_all_rows(pipeline: Pipeline, chunk_bytes: int) -> None:
    declare(
        pipeline,
        "return rows.group_by('country').agg(pl.col('amount').sum()).sort('country')",
        transform_scope="'object'",
    )
    pipeline.chunk_bytes = chunk_bytes
    pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert pipeline.live("orders").rows() == [("DE", 8.0), ("FR", 7.0)]


def test_an_error_of_the_transform_names_the_line_and_no_value(pipeline: Pipeline) -> None:
    declare(pipeline, "return rows.with_columns(pl.lit('s3cret').cast(pl.Int64)).collect().lazy()")
    with pytest.raises(TransformFailed) as caught:
        pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert "InvalidOperationError at orders.py:6" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_lost_partition_column_is_named(pipeline: Pipeline) -> None:
    declare(pipeline, "return rows.drop('country')", partition_by="['country']")
    with pytest.raises(TransformFailed, match="gave no column country to partition by"):
        pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("pl.lit('')", "is empty, and Spark and Hive refuse a folder without a value"),
        ("pl.lit('__HIVE_DEFAULT_PARTITION__')", "which readers take for null"),
        ("pl.lit('/' * 90)", "makes a folder's name longer than 255 bytes"),
        ("pl.lit(chr(0xFFFE))", "holds U\\+FFFE or U\\+FFFF"),
        ("pl.lit(b'x')", "has the type Binary"),
        ("pl.lit(4 * 10**14).cast(pl.Datetime('ms'))", "lies outside the years 1 to 9999"),
    ],
)
@pytest.mark.parametrize("scope", ["rows", "object"])
def test_a_value_that_no_folder_gives_back_is_refused(pipeline: Pipeline, value: str, reason: str, scope: str) -> None:
    declare(
        pipeline,
        f"return rows.with_columns(tag=pl.when(pl.col('id') > 2).then({value}))",
        partition_by="['tag']",
        transform_scope=f"'{scope}'",
    )
    with pytest.raises(TransformFailed, match=f"a value of tag, which it is partitioned by, .*{reason}"):
        pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert not pipeline.files("orders")


def test_a_key_that_s3_would_refuse_is_refused_with_its_reason(pipeline: Pipeline) -> None:
    """In the staging bucket it may be longer than in the processed one: here 1,025 bytes, and 1,023."""
    lengths = {"a": 243, "b": 243, "c": 243, "d": 197}
    columns = ", ".join(f"{name}=pl.lit('x' * {length})" for name, length in lengths.items())
    declare(pipeline, f"return rows.with_columns({columns})", partition_by=str([*lengths]))
    with pytest.raises(TransformFailed, match=r"values of a, b, c, d make a key of 1,025 bytes; S3 takes 1,024"):
        pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))


def test_an_error_shows_no_column_that_came_from_data(pipeline: Pipeline) -> None:
    pivot = "pivot('country', index='id', values='amount', aggregate_function='sum')"
    declare(pipeline, f"return rows.collect().{pivot}.lazy().select('nope')")
    with pytest.raises(TransformFailed, match="raised ColumnNotFoundError") as caught:
        pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert "FR" not in str(caught.value)


def test_too_many_partitions_are_refused(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform_module, "MAX_PARTITIONS", 2)
    declare(pipeline, "return rows", partition_by="['id']")
    run = pipeline.validated(pipeline.arrive("orders/a.csv", ROWS))
    with pytest.raises(TransformFailed, match="5 rows fall into more than 2 partitions by id"):
        transform(run, pipeline.context)


def test_rescued_columns_reach_the_transform(pipeline: Pipeline) -> None:
    declare(pipeline, "return rows.with_columns(pl.col('_rescued').str.json_path_match('$.note').alias('note'))")
    file = pipeline.folder / "orders.py"
    file.write_text(file.read_text().replace("transform=transform", "transform=transform, on_unknown_columns='rescue'"))
    pipeline.finish(pipeline.arrive("orders/a.csv", "id,note,country,amount\n1,hello,DE,1\n"))
    assert pipeline.live("orders").select("id", "note").rows() == [(1, "hello")]
    assert pipeline.live("orders").schema["id"] == pl.Int64


def test_some_chunks_make_one_file_a_partition(pipeline: Pipeline) -> None:
    """Files of one chunk each would be too small for readers."""
    declare(pipeline, "return rows", partition_by="['country']")
    pipeline.chunk_bytes = 8  # a row a chunk
    run = pipeline.transformed(pipeline.arrive("orders/a.csv", ROWS + "".join(f"{n},DE,1\n" for n in range(6, 14))))
    assert run.ingested is not None
    assert run.transformed is not None
    assert (run.ingested.chunks, run.transformed.parts) == (13, 3)


def test_a_transform_that_gives_other_columns_for_some_rows_is_refused(pipeline: Pipeline) -> None:
    declare(
        pipeline, "return rows.with_columns(pl.lit(1).alias(f'c{rows.select(pl.col(\"id\").max()).collect().item()}'))"
    )
    pipeline.chunk_bytes = 8
    with pytest.raises(TransformFailed, match="gave other columns or types for some rows than for others"):
        pipeline.transformed(pipeline.arrive("orders/a.csv", ROWS))


@pytest.mark.parametrize("scope", ["rows", "object"])
def test_values_that_are_spelled_alike_share_a_folder_and_lose_no_row(pipeline: Pipeline, scope: str) -> None:
    """A NaN is not equal to another one."""
    pipeline.chunk_bytes = 8
    declare(
        pipeline,
        "return rows.with_columns(at=pl.lit(float('nan')))",
        partition_by="['at']",
        transform_scope=f"'{scope}'",
    )
    pipeline.finish(pipeline.arrive("orders/a.csv", ROWS))
    assert {key.split("/")[1] for key in pipeline.files("orders")} == {"at=nan"}
    assert pipeline.live("orders").height == 5


def test_an_accepted_part_with_other_rows_than_validate_wrote_is_a_loss(pipeline: Pipeline) -> None:
    run = pipeline.validated(pipeline.arrive("orders/a.csv", ROWS))
    (key,) = pipeline.store.list("staging", f"runs/{run.run_id}/accepted/")
    fewer = io.BytesIO()
    pipeline.parquet("staging", key).head(4).write_parquet(fewer)
    pipeline.store.write(Address("staging", key), fewer.getvalue())
    with pytest.raises(ConservationError, match=r"accepted/00000\.parquet holds 4 rows; validate wrote 5"):
        transform(run, pipeline.context)
