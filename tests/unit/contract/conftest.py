"""What the contract's tests share: a chunk built by columns, and the codes each row broke."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from filegate.contract import Contract, Split, compile_contract
from filegate.formats.records import ROW

Compile = Callable[[Any], Contract]
Chunk = Callable[..., pl.DataFrame]
Codes = Callable[[Split], dict[int, list[str]]]


@pytest.fixture
def compiled() -> Compile:
    return lambda schema: compile_contract(schema, dataset="flights")


@pytest.fixture
def chunk() -> Chunk:
    """`chunk(a=["1"], b=[None])`: String columns, rows numbered from 1."""

    def build(**columns: list[str | None]) -> pl.DataFrame:
        frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
        return frame.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW), pl.all())

    return build


@pytest.fixture
def codes() -> Codes:
    """Codes of the broken rules, by rejected row."""
    return lambda split: {
        row: [reason["rule"] for reason in broken] for row, broken in split.rejected.select(ROW, "broken").iter_rows()
    }


@pytest.fixture
def printed() -> Callable[..., str]:
    """What a program prints in a process of its own, with these environment variables besides."""

    def run(program: str, **environment: str) -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        ).stdout

    return run
