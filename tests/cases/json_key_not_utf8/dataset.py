import pandera.polars as pa

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    a: str


dataset = Dataset("json", schema=Row, source=Json(), on_unknown_columns="ignore", tolerated_rejects=1.0)
