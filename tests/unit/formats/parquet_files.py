"""Parquet files as other writers make them, and as nobody should."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from filegate.formats.parquet.thrift import AT, Decoder

ROWS, GROUPS, SCHEMA = 3, 4, 2
"""Fields of `FileMetaData`."""
_LISTS = {(SCHEMA,), (GROUPS,), (GROUPS, 1)}


def parquet(columns: Mapping[str, Any] | pa.Table, **options: Any) -> bytes:
    """What pyarrow writes."""
    file = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), file, **options)
    return file.getvalue()


def footer_start(data: bytes) -> int:
    return len(data) - 8 - int.from_bytes(data[-8:-4], "little")


def places(data: bytes, *path: int) -> list[int]:
    """Where the values of a footer's field begin: `places(data, GROUPS, 1, 3, 5)` are those of the `num_values`."""
    start = footer_start(data)
    wanted: Any = AT
    for end in range(len(path), 0, -1):
        wanted = {path[end - 1]: [wanted] if path[:end] in _LISTS and wanted is not AT else wanted}
    found = Decoder(data[start:-8]).struct(wanted)
    return [start + place for place in _flat(found)]


def _flat(found: Any) -> list[int]:
    if isinstance(found, int):
        return [found]
    values: Sequence[Any] = list(found.values()) if isinstance(found, dict) else found
    return [place for value in values for place in _flat(value)]


def with_byte(data: bytes, place: int, byte: int) -> bytes:
    return data[:place] + bytes([byte]) + data[place + 1 :]


def int96(*stored: bytes | None) -> bytes:
    """A file of the column "at", whose values are INT96."""
    data = parquet({"at": pa.array(stored, pa.binary(12))}, use_dictionary=False, write_statistics=False)
    for place in [*places(data, SCHEMA, 1), *places(data, GROUPS, 1, 3, 1)]:
        data = with_byte(data, place, 3 << 1)
    return data


class _PlainKeys(pe.KmsClient):
    """Keys that are no secret."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return base64.b64decode(wrapped_key)


def encrypted_column(columns: Mapping[str, Any], name: str) -> bytes:
    """A file with a plain footer, and one column that is encrypted."""
    config = pe.EncryptionConfiguration(footer_key="k", column_keys={"k": [name]}, plaintext_footer=True)
    properties = pe.CryptoFactory(lambda _: _PlainKeys()).file_encryption_properties(pe.KmsConnectionConfig(), config)
    return parquet(columns, encryption_properties=properties)
