import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    t: str


dataset = Dataset("csv", schema=Row, source=Csv(encoding="cp1252"), tolerated_rejects=1.0)
