import pandera.polars as pa

from filegate import Dataset, Parquet


class Row(pa.DataFrameModel):
    n: int = pa.Field(nullable=True, coerce=True)


dataset = Dataset("parquet", schema=Row, source=Parquet(), on_unknown_columns="ignore", tolerated_rejects=1.0)
