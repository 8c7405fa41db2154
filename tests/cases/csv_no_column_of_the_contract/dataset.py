import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    a: str | None
    b: str | None


dataset = Dataset("csv", schema=Row, source=Csv(), on_unknown_columns="ignore")
