import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    order_status: str | None = pa.Field(default="new")


dataset = Dataset("column", schema=Row, source=Csv(), on_unknown_columns="rescue")
