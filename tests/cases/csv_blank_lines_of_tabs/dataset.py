import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    a: int = pa.Field(nullable=True)
    b: str = pa.Field(nullable=True)


dataset = Dataset("csv", schema=Row, source=Csv(delimiter="\t"), tolerated_rejects=1.0)
