import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    t: str = pa.Field(nullable=True)


source = Csv(delimiter="\t", quote=None, escape="\\", null_values=["\\N"])
dataset = Dataset("csv", schema=Row, source=source, tolerated_rejects=1.0)
