import pandera.polars as pa

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    id: int
    x: float = pa.Field(nullable=True)
    t: str = pa.Field(nullable=True, coerce=True)


dataset = Dataset("json", schema=Row, source=Json(), tolerated_rejects=1.0)
