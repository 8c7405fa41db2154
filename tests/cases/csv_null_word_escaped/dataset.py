import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    t: str = pa.Field(nullable=True)


dataset = Dataset("csv", schema=Row, source=Csv(escape="\\", null_values=["\\N"]), tolerated_rejects=1.0)
