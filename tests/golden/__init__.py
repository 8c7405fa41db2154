"""The golden set: what the pipeline writes for many small objects, byte for byte."""
