import pandera.polars as pa

from filegate import Csv, Dataset

SCHEMA = pa.DataFrameSchema({"2019": pa.Column(int), "2020": pa.Column(int)})
dataset = Dataset("csv", schema=SCHEMA, source=Csv(), tolerated_rejects=1.0)
