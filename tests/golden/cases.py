"""All cases of the golden set."""

from __future__ import annotations

from . import (
    contract_cases,
    csv_cases,
    delivered_cases,
    encoding_cases,
    json_cases,
    own_cases,
    parquet_cases,
    run_cases,
)
from .case import Case

CASES: tuple[Case, ...] = (
    *own_cases.CASES,
    *csv_cases.CASES,
    *encoding_cases.CASES,
    *json_cases.CASES,
    *parquet_cases.CASES,
    *contract_cases.CASES,
    *run_cases.CASES,
    *delivered_cases.CASES,
)
