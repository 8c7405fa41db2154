"""Drives a deployed pipeline, an image or a stage, and observes what it does: for tests, benchmarks and scripts."""
