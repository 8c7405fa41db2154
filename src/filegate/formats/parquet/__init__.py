"""Parquet: the footer and the pages are checked here, and polars decodes only pages that were."""
