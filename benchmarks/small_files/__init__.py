"""Throughput of small files: what many of them at once cost, and that none is lost."""
