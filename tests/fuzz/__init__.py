"""Fuzz targets: any bytes as a file of each format, tried against laws and by other readers.

    python -m tests.fuzz TARGET [SECONDS]

`make fuzz` runs them all. What one finds becomes a seed in `seeds/`, which the tests run as well.
"""
