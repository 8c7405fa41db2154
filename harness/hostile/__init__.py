"""Hostile files: small, or quick to make, and each of a kind that takes far more memory than it has bytes.

They are made by code, and none is stored. Each belongs to a dataset that would take it in, so that nothing but a bound
keeps it from being decoded.
"""

from harness.hostile.file import DATASETS, HostileFile, write_datasets
from harness.hostile.parquet import PARQUET_FILES
from harness.hostile.text import TEXT_FILES

__all__ = ["DATASETS", "FILES", "HostileFile", "write_datasets"]

FILES = (*TEXT_FILES, *PARQUET_FILES)
