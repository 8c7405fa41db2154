import pandera.polars as pa
import polars as pl

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    c: str


def transform(rows, references):
    return rows.with_columns(code=pl.col("c").str.to_uppercase())


dataset = Dataset("partition", schema=Row, source=Csv(), transform=transform, partition_by=["code"])
