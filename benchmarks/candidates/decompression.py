"""Decompression alone, with the library that Filegate uses: what a compressed input costs at least."""

from __future__ import annotations

import zlib
from pathlib import Path

import zstandard

from benchmarks.candidates import Work
from benchmarks.jobs import Job
from benchmarks.phases import Phases

PIECE = 256 << 10


def ready(job: Job, _: Path) -> Work:
    gzipped = job.input.suffix == ".gz"

    def work(_: Phases) -> None:
        decoder = zlib.decompressobj(wbits=31) if gzipped else zstandard.ZstdDecompressor().decompressobj()
        with job.input.open("rb") as file:
            while piece := file.read(PIECE):
                decoder.decompress(piece)

    return work
