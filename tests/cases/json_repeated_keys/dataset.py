import pandera.polars as pa

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    id: int
    x: float = pa.Field(nullable=True)


dataset = Dataset("json", schema=Row, source=Json(), on_unknown_columns="rescue", tolerated_rejects=1.0)
