import pandera.polars as pa

from filegate import Csv, Dataset


class Row(pa.DataFrameModel):
    d: str = pa.Field(nullable=True)
    country: str = pa.Field(nullable=True)


dataset = Dataset("csv", schema=Row, source=Csv(null_values={"d": ["NA"]}), tolerated_rejects=1.0)
