import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    a: str
    b: int


dataset = Dataset("csv", schema=Row, source=Csv(), tolerated_rejects=1.0)
