"""Strategies for every option of the sources; a test compares their names with the fields of the classes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from filegate.formats.sources import Csv, Json, Parquet, Source

NULL_VALUES = st.sampled_from(
    [
        (),
        (),
        ("NA",),
        ("", "x"),
        ("-1", "0", "2020-01-01", '"', "a"),
        ("1", "null"),
        ("\\N", "ex"),
        {"c0": ["NA"]},
        {"c0": ["1", "NA"], "c1": "x"},
    ]
)
DATE_FORMATS = st.sampled_from([{}, {}, {"c0": "%d.%m.%Y"}, {"c1": "%Y/%m/%d"}])
ENCODINGS = st.sampled_from([None, "utf-8", "utf-8", "cp1252", "utf-16"])

OPTIONS: dict[type[Source], dict[str, st.SearchStrategy[Any]]] = {
    Csv: {
        "delimiter": st.sampled_from([",", ",", ",", ",", ";", "\t", ".", "-"]),
        "quote": st.sampled_from(['"', '"', "'", None]),
        "escape": st.sampled_from([None, None, None, "\\", "e"]),
        "header": st.booleans(),
        "trailing_delimiter": st.booleans(),
        "null_values": NULL_VALUES,
        "date_formats": DATE_FORMATS,
        "encoding": ENCODINGS,
    },
    Json: {"null_values": NULL_VALUES, "date_formats": DATE_FORMATS, "encoding": ENCODINGS},
    Parquet: {},
}
CSV_SOURCES = st.builds(Csv, **OPTIONS[Csv])
JSON_SOURCES = st.builds(Json, **OPTIONS[Json])
