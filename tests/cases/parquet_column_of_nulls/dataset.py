import pandera.polars as pa

from filegate import Dataset, Parquet


class Row(pa.DataFrameModel):
    id: int
    note: str = pa.Field(nullable=True)


dataset = Dataset("parquet", schema=Row, source=Parquet(), tolerated_rejects=1.0)
