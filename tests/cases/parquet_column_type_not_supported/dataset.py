import pandera.polars as pa

from filegate import Dataset, Parquet


class Row(pa.DataFrameModel):
    other: str


dataset = Dataset("parquet", schema=Row, source=Parquet(), on_unknown_columns="ignore", tolerated_rejects=1.0)
