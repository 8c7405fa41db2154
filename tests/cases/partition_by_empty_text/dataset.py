import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    c: str


dataset = Dataset("partition", schema=Row, source=Csv(), partition_by=["c"])
