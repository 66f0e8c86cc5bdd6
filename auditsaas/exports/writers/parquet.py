"""Parquet: typed columns in row groups of bounded size.

Rows travel as PostgreSQL's CSV and are parsed by Arrow, column by column and in C++; through
Python objects they would take several times as long.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from sqlalchemy import Text, cast, func

from auditsaas.events.event_fields import Kind
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers.cells import kind_of, stored

GROUP_ROWS: Final = 100_000
GROUP_BYTES: Final = 32 << 20
TYPES: Final[dict[Kind, pa.DataType]] = {
    Kind.CODE: pa.int16(),
    Kind.NUMBER: pa.float64(),
    Kind.SEQUENCE: pa.int64(),
}
_PARSED = pacsv.ParseOptions(newlines_in_values=True)


def write(source: Source, out: Output, progress: Progress) -> int:
    schema = pa.schema([(name, _type(name, source)) for name in source.columns])
    columns = [_value(name, source).label(name) for name in source.columns]
    written = grouped = 0
    group: list[pa.Table] = []
    sink = pa.PythonFile(_Stream(out), mode="w")
    with pq.ParquetWriter(sink, schema, compression="zstd", store_schema=True) as writer:
        for rows in source.copied(columns, zone="UTC"):
            group.append(_table(rows, schema))
            written += len(rows)
            grouped += len(rows)
            if grouped >= GROUP_ROWS or sum(part.nbytes for part in group) >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(group))
                group, grouped = [], 0
            progress(written)
        if group:
            writer.write_table(pa.concat_tables(group))
    return written


class _Stream:
    closed = False

    def __init__(self, out: Output) -> None:
        self._out = out

    def write(self, chunk: Any, /) -> int:
        self._out.write(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Do nothing: no byte is held back."""

    def close(self) -> None:
        """Leave the file open; its opener closes it."""


def _type(name: str, source: Source) -> pa.DataType:
    if kind_of(name) is Kind.TIME:
        return pa.timestamp("us", tz=source.zone.key)
    return TYPES.get(kind_of(name), pa.string())


def _value(name: str, source: Source) -> Any:
    value = stored(name, source.slugs)
    return func.host(value) if kind_of(name) is Kind.ADDRESS else cast(value, Text)


def _table(rows: list[bytes], schema: pa.Schema) -> pa.Table:
    rows.append(b"")
    block = b"\n".join(rows)
    rows.pop()
    return pacsv.read_csv(
        pa.BufferReader(block),
        # One block a call: a row may be of any length, and must not meet a block's end.
        pacsv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=schema.names),
        _PARSED,
        pacsv.ConvertOptions(
            column_types={
                field.name: pa.timestamp("us", tz="UTC")
                if pa.types.is_timestamp(field.type)
                else field.type
                for field in schema
            },
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).cast(schema)
