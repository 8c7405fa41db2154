"""Runs: transforms, partitions, tolerance, fan-out, and what follows a first run."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from .case import FollowUp, declared, lines, of_csv, of_json, of_parquet, parquet

_ID = '{"id": Column(int), "v": Column(str, nullable=True)}'
_ROWS = lines(["id,v", *(f"{n},{'abc'[n % 3]}" for n in range(30))])
_PARTS = (
    '{"id": Column(int), "t": Column(str, nullable=True), "flag": Column(bool, nullable=True), '
    '"day": Column(pl.Date, nullable=True), "x": Column(float, nullable=True)}'
)
_PARTED = (
    "id,t,flag,day,x\n1,a b/c=d%,true,2024-01-31,1.5\n2,,no,,\n3,ü?#&+,,2024-01-31,1e20\n4,a b/c=d%,T,2024-02-01,NaN\n"
    '5,"é\n",f,,-0.0\n6,__HIVE_DEFAULT_PARTITION__,1,,0\n7,..,yes,,1\n8,a b/c=d%,true,2024-01-31,1.5\n'
).encode()
_JOIN = """
def transform(rows, references):
    joined = rows.join(references["names"], on="v", how="left", maintain_order="left")
    return joined.join(references["sizes"], on="v", how="left", maintain_order="left").with_columns(
        twice=pl.col("id") * 2
    )


"""
_REFERENCES = {
    "tables/names.csv": b"v,name\na,Anna\nb,Bert\n",
    "tables/sizes.ndjson": b'{"v": "a", "size": 1}\n{"v": "c", "size": 3}\n',
}
_SUM = """
def transform(rows, references):
    return rows.group_by("v", maintain_order=True).agg(pl.col("id").sum(), n=pl.len()).sort("v")


"""


def _transform(body: str) -> str:
    return f"\ndef transform(rows, references):\n    {body}\n\n\n"


_TRANSFORMS = (
    of_csv(
        "transform: references",
        _ROWS,
        _ID,
        before=_JOIN,
        beside=_REFERENCES,
        chunk_bytes=50,
        options='transform=transform, references={"names": "tables/names.csv", "sizes": "tables/sizes.ndjson"}',
    ),
    of_csv(
        "transform: a Parquet reference",
        _ROWS,
        _ID,
        beside={"t.parquet": parquet(pl.DataFrame({"v": ["a"], "w": [1.5]}))},
        before=_transform('return rows.join(references["t"], on="v", how="left", maintain_order="left")'),
        options='transform=transform, references={"t": "t.parquet"}',
    ),
    of_csv(
        "transform: a missing reference",
        _ROWS,
        _ID,
        before=_JOIN,
        options='transform=transform, references={"names": "tables/names.csv"}',
    ),
    of_csv(
        "transform: groups of chunks",
        _ROWS,
        _ID,
        chunk_bytes=10,
        before=_transform("return rows.select('v', 'id')"),
        options='transform=transform, partition_by=["v"]',
    ),
    of_csv(
        "transform: whole object",
        _ROWS,
        _ID,
        chunk_bytes=50,
        before=_SUM,
        options='transform=transform, transform_scope="object"',
    ),
    of_csv(
        "transform: whole object, partitioned",
        _ROWS,
        _ID,
        chunk_bytes=50,
        before=_SUM,
        options='transform=transform, transform_scope="object", partition_by=["v"]',
    ),
    of_csv(
        "transform: whole object, no rows left",
        _ROWS,
        _ID,
        before=_transform("return rows.filter(pl.col('id') < 0)"),
        options='transform=transform, transform_scope="object"',
    ),
    of_csv(
        "transform: another number of rows",
        _ROWS,
        _ID,
        before=_transform("return rows.head(3)"),
        options="transform=transform",
    ),
    of_csv(
        "transform: raises", _ROWS, _ID, before=_transform("raise KeyError('secret')"), options="transform=transform"
    ),
    of_csv(
        "transform: fails on a value",
        _ROWS,
        _ID,
        before=_transform("return rows.with_columns(pl.col('v').cast(int))"),
        options="transform=transform",
    ),
    of_csv(
        "transform: other columns for some rows",
        _ROWS,
        _ID,
        chunk_bytes=50,
        options="transform=transform",
        before=_transform(
            "return rows.with_columns(pl.lit(1).alias(rows.collect()['v'][0] + str(rows.collect()['id'][0])))"
        ),
    ),
    of_csv("partition: texts", _PARTED, _PARTS, options='partition_by=["t"], tolerated_rejects=1.0'),
    of_csv("partition: Booleans", _PARTED, _PARTS, options='partition_by=["flag"]'),
    of_csv("partition: dates and floats", _PARTED, _PARTS, options='partition_by=["day", "x"]', chunk_bytes=60),
    of_csv("partition: by a column that there is not", _ROWS, _ID, options='partition_by=["w"]'),
    of_csv(
        "partition: too many", lines(["id,v", *(f"{n},{n}" for n in range(1_001))]), _ID, options='partition_by=["id"]'
    ),
    of_csv("partition: a long value", b"id,v\n1," + b"x" * 1_100 + b"\n", _ID, options='partition_by=["v"]'),
)

_FAULTY = lines(["id,v", *(f"{'x' if n % 10 == 0 else n},v" for n in range(40))])
_TOLERANCE = (
    of_csv("tolerance: just met", _FAULTY, _ID, options="tolerated_rejects=0.1"),
    of_csv("tolerance: exceeded", _FAULTY, _ID, options="tolerated_rejects=0.099", chunk_bytes=64),
    of_csv("tolerance: none", _FAULTY, _ID, options="tolerated_rejects=0"),
    of_csv("tolerance: as by default", _FAULTY.replace(b"x,", b"0,", 3), _ID, options=""),
    of_csv("tolerance: no row left", b"id,v\nx,y\n", _ID),
    of_csv(
        "tolerance: more rules than are told",
        b"a,b,c\n1,2,3\nx,y,z\n",
        '{"a": Column(int, [Check.ge(9), Check.ge(8), '
        'Check.eq(7)]), "b": Column(int, Check.ge(9)), "c": Column(int, [Check.ge(9), Check.isin([8])])}',
    ),
)

_MANY = lines(["id,v", *(f"{n},{'abc'[n % 3]}" for n in range(100))])
_MANY_FAULTY = lines(["id,v", *(f"{n % 83 if n % 11 else 'x'},{'abc'[n % 3]}{n % 20}" for n in range(100))])
_REPEATED = lines(["id,v", *(f"{n % 7 if n % 11 else 'x'},{'abc'[n % 3]}" for n in range(160))])
_OBJECTS = [{"id": n % 41, "v": None if n % 9 == 0 else f"v{n}"} for n in range(60)]
_UNIQUE = '{"id": Column(int, unique=True), "v": Column(str, unique=True, report_duplicates="exclude_first")}'
_WIDE: dict[str, Any] = {"chunk_bytes": 32, "fan_out_bytes": 32}
_WIDER: dict[str, Any] = {"chunk_bytes": 80, "fan_out_bytes": 80}
_FAN_OUT = (
    of_csv("fan-out: rejects", _MANY_FAULTY, _ID, **_WIDE),
    of_csv("fan-out: too many rejects", _MANY_FAULTY, _ID, options="tolerated_rejects=0.01", **_WIDE),
    of_csv("fan-out: unique", _MANY_FAULTY, _UNIQUE, **_WIDE),
    of_csv("fan-out: nothing twice", _MANY, '{"id": Column(int, unique=True), "v": Column(str)}', **_WIDE),
    of_csv(
        "fan-out: two columns together",
        _REPEATED,
        _ID + ', unique=["id", "v"], report_duplicates="exclude_last"',
        **_WIDE,
    ),
    of_csv("fan-out: key", _MANY_FAULTY, _ID, options='key=["id"], tolerated_rejects=1.0', **_WIDE),
    of_csv(
        "fan-out: unique and key",
        _MANY_FAULTY,
        '{"id": Column(int), "v": Column(str, unique=True)}',
        options='key=["id"], tolerated_rejects=1.0',
        **_WIDE,
    ),
    of_csv(
        "fan-out: transform and partitions",
        _MANY,
        _ID,
        before=_JOIN,
        beside=_REFERENCES,
        **_WIDE,
        options='transform=transform, references={"names": "tables/names.csv", "sizes": "tables/sizes.ndjson"}, '
        'partition_by=["v"]',
    ),
    of_csv(
        "fan-out: whole object",
        _MANY_FAULTY,
        _ID,
        before=_SUM,
        **_WIDE,
        options='transform=transform, transform_scope="object", tolerated_rejects=1.0',
    ),
    of_csv(
        "fan-out: a transform that fails in one range",
        _MANY,
        _ID,
        options="transform=transform",
        **_WIDE,
        before=_transform("return rows.with_columns(1 / (99 - rows.collect()['id'][-1]))"),
    ),
    of_csv(
        "fan-out: a check that raises in one range",
        _MANY,
        '{"id": Column(int, Check(lambda n: 1 / (99 - n) > 0, element_wise=True)), "v": Column(str)}',
        **_WIDE,
    ),
    of_json("fan-out: lines of JSON", lines(map(json.dumps, _OBJECTS)), _UNIQUE, **_WIDER),
    of_json("fan-out: a JSON array", json.dumps(_OBJECTS).encode(), _ID, options='key=["id"]', **_WIDER),
    of_parquet("fan-out: Parquet", pl.DataFrame(_OBJECTS), _UNIQUE, chunk_bytes=48, fan_out_bytes=48),
)

_BAD = b'id,v\n1,a\nx,b\n3,"c"d\n4\n5,e\n 6,f\n7,7\xff\n8,\xc3\xa9\n'
_LOOSE = declared('{"id": Column(str), "v": Column(str, nullable=True)}', "Csv()")
_UNQUOTED = declared('{"id": Column(str), "v": Column(str, nullable=True)}', 'Csv(quote=None, encoding="latin-1")')
_MORE = declared('{"id": Column(str), "v": Column(str, nullable=True), "w": Column(str)}', "Csv()")
_KEYS = b'{"id": 1, "w": [1]}\n{"id": "2"}\n{"id": 3, "v": "c"}\n{"id": 4,}\n{"id": {"a": 5}}\n{"id": 6, "id": 7}\n'
_COERCED = f"{_ID}, coerce=True"
_RELAXED = declared(_COERCED, "Json()", 'on_unknown_columns="rescue", tolerated_rejects=1.0')
_FRAME = pl.DataFrame({"id": [1, 2, 30, None], "v": ["a", None, "c", "d"]})
_BOUND = '{"id": Column(int, Check.lt(10)), "v": Column(str, nullable=True)}'
_NEWER = FollowUp("newer version", data=_ROWS)
_FOLLOWED = (
    of_csv("replay: quarantined rows, loosened", _BAD, _ID, then=(FollowUp("replay quarantined", _LOOSE),)),
    of_csv("replay: quarantined rows, another dialect", _BAD, _ID, then=(FollowUp("replay quarantined", _UNQUOTED),)),
    of_csv("replay: quarantined rows, as before", _BAD, _ID, then=(FollowUp("replay quarantined"),)),
    of_csv(
        "replay: quarantined rows, another column",
        b"id,v\n1,a\nx,b\n",
        _ID,
        then=(FollowUp("replay quarantined", _MORE),),
    ),
    of_csv(
        "replay: quarantined rows of chunks",
        _FAULTY,
        _ID,
        chunk_bytes=32,
        then=(FollowUp("replay quarantined", _LOOSE),),
    ),
    of_csv(
        "replay: quarantined rows, spread",
        lines(["id,v", *(f"{n}{'x' * (n % 2)},v" for n in range(99))]),
        _ID,
        then=(FollowUp("replay quarantined", _LOOSE),),
        **_WIDE,
    ),
    of_csv(
        "replay: quarantined rows with a key",
        b"id,v\n1,a\nx,b\n1,c\n",
        _ID,
        options='key=["id"], tolerated_rejects=1.0',
        then=(
            FollowUp("replay quarantined", declared('{"id": Column(str), "v": Column(str)}', "Csv()", 'key=["id"]')),
        ),
    ),
    of_csv(
        "replay: quarantined rows, rescued",
        b"id,v,w\n1,a,\nx,b,y\n3,c\n",
        _ID,
        options='on_unknown_columns="rescue", tolerated_rejects=1.0',
        then=(
            FollowUp(
                "replay quarantined",
                declared('{"id": Column(str), "v": Column(str)}', "Csv()", 'on_unknown_columns="rescue"'),
            ),
        ),
    ),
    of_csv(
        "replay: a rejected run",
        _BAD,
        _ID,
        options="tolerated_rejects=0",
        then=(FollowUp("replay quarantined", _LOOSE),),
    ),
    of_csv(
        "replay: all rows of a rejected run",
        _BAD,
        _ID,
        options="tolerated_rejects=0",
        then=(FollowUp("replay all", _LOOSE),),
    ),
    of_csv(
        "replay: all rows, published before",
        _FAULTY,
        _ID,
        options='partition_by=["v"], tolerated_rejects=1.0',
        then=(FollowUp("replay all", _LOOSE),),
    ),
    of_csv(
        "replay: quarantined rows of an older version",
        _FAULTY,
        _ID,
        then=(_NEWER, FollowUp("replay quarantined", _LOOSE)),
    ),
    of_json("replay: quarantined lines", _KEYS, _ID, then=(FollowUp("replay quarantined", _RELAXED),)),
    of_csv(
        "replay: quarantined rows that do not keep apart",
        b'id,v\n1,a\n2,"b,c\n3,d",e\n4,f,g\n',
        _ID,
        source="Csv(quote=None)",
        then=(FollowUp("replay quarantined", declared(_ID, "Csv()")),),
    ),
    of_csv(
        "replay: quarantined rows, another encoding",
        b"id,v\n1,a\n2,\xe3,b\n\xe3,\xe3\n\xb3\n",
        _ID,
        source='Csv(encoding="cp1252")',
        then=(FollowUp("replay quarantined", declared(_ID, 'Csv(encoding="cp1250", quote=None, delimiter=";")')),),
    ),
    of_csv(
        "replay: a quarantined row that is too long",
        b"id,v\n1," + b"x" * (1 << 20) + b"\n2,b\n",
        _ID,
        then=(FollowUp("replay quarantined"),),
    ),
    of_json(
        "replay: quarantined elements",
        b'[{"id": 1, "w": 1}, {"id": "2"},\n {"id": 3}, 4, {"id": {}}]',
        _ID,
        then=(FollowUp("replay quarantined", _RELAXED),),
    ),
    of_parquet(
        "replay: quarantined rows of Parquet",
        _FRAME,
        _BOUND,
        chunk_bytes=32,
        then=(FollowUp("replay quarantined", f"{declared(_ID, 'Parquet()')}"),),
    ),
    of_csv("version: newer", _FAULTY, _ID, options='partition_by=["v"], tolerated_rejects=1.0', then=(_NEWER,)),
    of_csv("version: older, come late", _FAULTY, _ID, then=(FollowUp("older version", data=_ROWS),)),
    of_csv("version: announced again", _FAULTY, _ID, then=(FollowUp("announced again"),)),
)

CASES = (*_TRANSFORMS, *_TOLERANCE, *_FAN_OUT, *_FOLLOWED)
