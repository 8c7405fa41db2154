"""DuckDB: one read as text, one pass of SQL that says of each row what it breaks, and two copies out of that."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.candidates import Work
from benchmarks.jobs import Job
from benchmarks.phases import Phases
from benchmarks.tables import TABLES, Column, Kind

# TRY_CAST rounds what has more digits than its type, so those are refused before.
CASTS: dict[Kind, str] = {
    "int": "CASE WHEN NOT contains({text}, '.') THEN TRY_CAST({text} AS BIGINT) END",
    "money": "CASE WHEN NOT {text} LIKE '%.___%' THEN TRY_CAST({text} AS DECIMAL(15, 2)) END",
    "text": "{text}",
    "date": "TRY_CAST({text} AS DATE)",
    "instant": "TRY_CAST({text} AS TIMESTAMPTZ)",
}

RULES = {
    "eq": "{name} = {bound}",
    "ge": "{name} >= {bound}",
    "gt": "{name} > {bound}",
    "in_range": "{name} BETWEEN {bound[0]} AND {bound[1]}",
    "isin": "{name} IN {bound}",
    "str_length": "length({name}) BETWEEN {bound[0]} AND {bound[1]}",
    "str_matches": "regexp_matches({name}, '{bound}')",
}
ROW_RULES = {
    "lineitem": "l_receiptdate > l_shipdate",
    "flights": "arr_time IS NULL OR air_time IS NOT NULL",
}

FINISHED = {
    "lineitem": """
        SELECT accepted.*, s_nationkey,
            (l_extendedprice * (1 - l_discount))::DECIMAL(15, 4) AS revenue, year(l_shipdate) AS ship_year
        FROM accepted LEFT JOIN '{suppliers}' ON l_suppkey = s_suppkey""",
    "flights": """
        SELECT accepted.*, name AS airline,
            dep_time IS NULL AS cancelled, round_even(distance * 60 / air_time, 1) AS miles_per_hour
        FROM accepted LEFT JOIN '{airlines}' USING (carrier)""",
}


def ready(job: Job, output: Path) -> Work:
    (output / "rejected").mkdir()
    statements = _statements(job, output)

    def work(_: Phases) -> None:
        with duckdb.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    return work


def _statements(job: Job, output: Path) -> list[str]:
    table = TABLES[job.table]
    columns = table.columns
    raw = ", ".join(f"{name} AS raw_{name}" for name in columns)
    typed = ", ".join(f"{CASTS[column.kind].format(text=f'raw_{name}')} AS {name}" for name, column in columns.items())
    faults = {code: fault for name, column in columns.items() for code, fault in _faults(name, column).items()}
    faults[table.row_rule] = f"NOT ({ROW_RULES[job.table]})"
    reasons = ", ".join(f"CASE WHEN {fault} THEN '{code}' END" for code, fault in faults.items())
    key = ", ".join(table.key)
    finished = FINISHED[job.table].format(suppliers=job.data.suppliers, airlines=job.data.airlines)
    return [
        f"""
        CREATE TABLE judged AS
        WITH received AS (
            SELECT row_number() OVER () AS row, {raw}
            FROM read_csv('{job.input}', header = true, all_varchar = true, nullstr = ['', '{table.null}'])
        ), typed AS (
            SELECT *, {typed} FROM received
        )
        SELECT *, coalesce({" OR ".join(faults.values())}, false) AS rejected FROM typed""",
        f"""
        COPY (
            SELECT row, {", ".join(f"raw_{name} AS {name}" for name in columns)},
                list_filter([{reasons}], lambda code: code IS NOT NULL) AS broken
            FROM judged WHERE rejected
        ) TO '{output}/rejected/all.parquet' (FORMAT parquet, COMPRESSION zstd)""",
        # QUALIFY row_number() OVER (PARTITION BY key ORDER BY row) = 1 says the same, and takes a little longer.
        f"""
        COPY (
            WITH accepted AS (
                SELECT {", ".join(columns)} FROM judged
                WHERE NOT rejected AND row IN (SELECT min(row) FROM judged WHERE NOT rejected GROUP BY {key})
            ) {finished}
        ) TO '{output}/published' (FORMAT parquet, PARTITION_BY ({table.partition_by}), COMPRESSION zstd)""",
    ]


def _faults(name: str, column: Column) -> dict[str, str]:
    """The code of each rule, and SQL that is true where a row breaks it."""
    faults = {}
    if not column.nullable:
        faults[f"{name}:not_null"] = f"raw_{name} IS NULL"
    if column.kind != "text":
        faults[f"{name}:type"] = f"raw_{name} IS NOT NULL AND {name} IS NULL"
    if column.rule is not None:
        rule, bound = column.rule
        faults[f"{name}:{rule}"] = f"NOT ({RULES[rule].format(name=name, bound=bound)})"
    return faults
