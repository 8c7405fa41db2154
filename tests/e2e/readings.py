"""Objects of the dataset `readings`, large ones where chunks are small."""

from __future__ import annotations

from collections.abc import Mapping

from filegate.pipeline.fan_out import RANGE_CHUNKS

CHUNK = 1 << 16
SMALL_CHUNKS = {"ChunkBytes": str(CHUNK), "FanOutBytes": str(CHUNK)}
"""Parameters of a deployment in which a megabyte is a large object: one of more than one range."""

ROW_BYTES = 128  # each row has as many, so that the rows of a range are known
RANGE = RANGE_CHUNKS * CHUNK // ROW_BYTES
ROWS = RANGE + 600  # two ranges, the second of which is small
MANY = 2 * RANGE + 600


def row(number: int, *, sensor: str = "", hour: object = None, note: str = "") -> bytes:
    told = f"{number},{sensor or 'ab'[number % 2]},{number if hour is None else hour},{note}"
    return told.ljust(ROW_BYTES - 1, "x").encode() + b"\n"


def readings(rows: int = ROWS, changed: Mapping[int, bytes] | None = None) -> bytes:
    """So many rows with ids from 1, but for those that are `changed`; by number, from 1."""
    every = {number: row(number) for number in range(1, rows + 1)} | dict(changed or {})
    return b"id,sensor,hour,note\n" + b"".join(every.values())


CLEAN = readings()
MIXED = readings(
    MANY,
    {
        100: row(100, hour="noon"),
        RANGE + 50: row(RANGE + 50, sensor="c"),
        MANY - 80: b"short\n",
        MANY - 30: row(10),  # an id of the first range, and its key
        RANGE + 20: row(RANGE + 20, sensor="a", hour=20),  # only the key of one
        MANY - 20: row(MANY - 20, sensor="a", hour=20),
    },
)
MIXED_RULES = {"hour:type": 1, "sensor:isin": 1, "record:fields": 1, "id:unique": 2}
MIXED_REPEATED = 2
