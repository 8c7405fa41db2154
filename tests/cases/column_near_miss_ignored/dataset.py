import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    id: int
    currency: str | None = pa.Field(default="EUR")


dataset = Dataset("column", schema=Row, source=Csv(), on_unknown_columns="ignore", tolerated_rejects=1.0)
