import pandera.polars as pa

from filegate import Dataset, Json


class Row(pa.DataFrameModel):
    id: int
    c: str = pa.Field(nullable=True)


dataset = Dataset("partition", schema=Row, source=Json(), partition_by=["c"], tolerated_rejects=0.5)
