import pandera.polars as pa

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    id: int = pa.Field(nullable=True)
    x: float = pa.Field(nullable=True)


dataset = Dataset("json", schema=Row, source=Json(), on_unknown_columns="ignore")
