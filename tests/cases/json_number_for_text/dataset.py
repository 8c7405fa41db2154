import pandera.polars as pa

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    s: str


dataset = Dataset("json", schema=Row, source=Json(), tolerated_rejects=1.0)
