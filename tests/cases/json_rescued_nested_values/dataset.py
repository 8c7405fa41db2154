import pandera.polars as pa

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    id: int


dataset = Dataset("json", schema=Row, source=Json(), on_unknown_columns="rescue")
