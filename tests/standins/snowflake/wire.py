"""The engine's Arrow in the form that Snowflake sends: structs for times, the narrowest integers for numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from standins.snowflake.column_types import WireColumn

#: The offset that every TIMESTAMP_TZ shows, in minutes. The engine keeps the moment and not the offset it was
#: written with; an offset that is not zero shows whether a client reads the moment or the clock.
TZ_OFFSET = 120
_NANOSECONDS = 1_000_000_000
_YEAR_ONE = {"epoch": -62_135_596_800, "fraction": 0}
_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())


def encode(batches: Sequence[pa.RecordBatch], columns: Sequence[WireColumn], *, is_ancient: bool = False) -> pa.Table:
    """Turn batches into one table as it goes over the wire; widths are chosen for these rows alone.

    :param is_ancient: the first row's first column, a timestamp of nine digits, is shown as the start of the year 1.
    """
    arrays = [pa.chunked_array([batch.column(place) for batch in batches]) for place in range(len(columns))]
    encoded = [_encoded(_whole(array), column) for array, column in zip(arrays, columns, strict=True)]
    if is_ancient:
        encoded[0] = pa.concat_arrays([pa.array([_YEAR_ONE], encoded[0].type), encoded[0].slice(1)])
    fields = [
        pa.field(column.name, array.type, metadata=column.metadata())
        for column, array in zip(columns, encoded, strict=True)
    ]
    return pa.Table.from_arrays(encoded, schema=pa.schema(fields))


def stream(table: pa.Table, rows: int = 2000) -> bytes:
    """Return the table as an Arrow stream in batches of so many rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _whole(array: pa.ChunkedArray) -> pa.Array:
    combined = array.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def _encoded(array: pa.Array, column: WireColumn) -> pa.Array:
    if pa.types.is_null(array.type):
        return array.cast(pa.string())
    if column.logical.startswith("TIMESTAMP"):
        return _moments(array, column)
    if column.logical == "TIME":
        return array.cast(pa.time64("ns")).cast(pa.int64())
    return _narrowed(array) if column.logical == "FIXED" else array


def _moments(array: pa.Array, column: WireColumn) -> pa.Array:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[array.type.unit]
    nulls = array.is_null()
    ticks = pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    seconds, rest = np.divmod(ticks, per_second)
    fraction = rest * (_NANOSECONDS // per_second)
    if column.scale <= 6 and column.logical != "TIMESTAMP_TZ":
        unit = 10**column.scale
        return pa.array(seconds * unit + fraction // (_NANOSECONDS // unit), pa.int64(), mask=nulls.to_numpy(False))
    parts = [("epoch", pa.array(seconds, pa.int64())), ("fraction", pa.array(fraction, pa.int32()))]
    if column.logical == "TIMESTAMP_TZ":
        parts.append(("timezone", pa.array(np.full(len(array), 1440 + TZ_OFFSET), pa.int32())))
    fields = [pa.field(name, part.type, nullable=False) for name, part in parts]
    return pa.StructArray.from_arrays([part for _, part in parts], fields=fields, mask=nulls)


def _narrowed(array: pa.Array) -> pa.Array:
    if pa.types.is_decimal(array.type):
        wide = array.cast(pa.decimal128(38, array.type.scale))
        unscaled = pa.Array.from_buffers(pa.decimal128(38, 0), len(wide), wide.buffers(), wide.null_count, wide.offset)
        try:
            array = unscaled.cast(pa.int64())
        except pa.ArrowInvalid:  # more than 64 bits
            return wide
    for kind in _INTEGERS:
        try:
            return array.cast(kind)
        except pa.ArrowInvalid:
            continue
    raise AssertionError("64 bits hold what 64 bits held")


def pieces(
    batches: Iterator[pa.RecordBatch], first: int, rows: int | None, size: int
) -> Iterator[list[pa.RecordBatch]]:
    """Cut a stream of batches into the rows that come with the answer and those of each chunk.

    :param first: rows of the first piece; the next ones grow from 1,000, each twice the one before.
    :param rows: rows of each piece after the first, instead.
    :param size: bytes that a piece does not pass by much.
    """
    wanted, held, count, weight, grown = first, list[pa.RecordBatch](), 0, 0, 1000
    for batch in batches:
        while batch.num_rows:
            part, batch = batch.slice(0, wanted - count), batch.slice(wanted - count)  # noqa: PLW2901
            held.append(part)
            count += part.num_rows
            weight += part.nbytes
            if count == wanted or weight >= size:
                yield held
                held, count, weight = [], 0, 0
                wanted, grown = rows or grown, grown * 2
    if held:
        yield held
