"""Columns of a batch as Python values, without ever failing because of what a row holds."""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Literal, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from airflow_provider_cdi.exceptions import SourceError

Rows = TypeVar("Rows", pa.RecordBatch, pa.Array)
Value = TypeVar("Value")

# Years 1 to 9999: what ISO 8601 with four digits can say. A database's "infinity" lies outside.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
_NAMES = {"s": "second", "ms": "millisecond"}
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def column(rows: pa.RecordBatch, name: str) -> pa.Array | None:
    """Give the column of that name, plainly encoded; None when the source has none."""
    place = rows.schema.get_field_index(name)
    return None if place < 0 else plain(rows.column(place))


def plain(array: pa.Array) -> pa.Array:
    """Undo dictionary and run-end encoding."""
    if types.is_dictionary(array.type):
        return array.dictionary_decode()
    if types.is_run_end_encoded(array.type):
        return pc.run_end_decode(array)
    return array


def json_text(text: str) -> bytes:
    """Encode one text as JSON.

    For short texts that are kept, many times faster than orjson, which reserves a kilobyte for each result.
    """
    return encode_basestring(text).encode()


def identifier_texts(rows: pa.RecordBatch, name: str | None) -> list[str | None]:
    """Read an identifier column as text, blank text as None.

    :raises SourceError: when the column's type has no text form.
    """
    array = None if name is None else column(rows, name)
    if array is None:
        return [None] * rows.num_rows
    try:
        texts = array.cast(pa.string()).to_pylist()
    except pa.ArrowNotImplementedError:
        raise SourceError(
            f"Column {name} has the type {array.type}, which cannot be an identifier. Cast it to text."
        ) from None
    return [None if text is None or not text or text.isspace() else text for text in texts]


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's text types."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def text_bytes(array: pa.Array) -> list[bytes | None]:
    """Give text or binary values as bytes; unlike decoding, this cannot fail."""
    if types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if types.is_string(array.type):
        array = array.cast(pa.binary())
    elif types.is_large_string(array.type):
        array = array.cast(pa.large_binary())
    return array.to_pylist()  # type: ignore[no-any-return]


def by_halves(rows: Rows, read: Callable[[Rows], list[Value]], unreadable: Value) -> list[Value]:
    """Read rows at once, and only if one of them cannot be read, find it by halving.

    :param read: turns rows into one value each.
    :param unreadable: stands for a row that cannot be read: text that is not UTF-8, a value out of range.
    """
    try:
        return read(rows)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        if len(rows) == 1:
            return [unreadable]
        middle = len(rows) // 2
        return by_halves(rows.slice(0, middle), read, unreadable) + by_halves(rows.slice(middle), read, unreadable)


def timestamp_texts(array: pa.Array, unit: Literal["ms", "s"] = "ms") -> list[str | None]:
    """Say points in time as Braze's own answers do: ISO 8601, UTC, milliseconds (cut, not rounded).

    Goes through integers and Arrow's formatter: a ``to_pylist`` of timestamps is many times slower.

    :param array: timestamps of any unit; without a zone they are taken as UTC.
    :param unit: to what they are cut.
    :return: ``2026-01-05T09:30:00.123Z``, in seconds ``2026-01-05T09:30:00Z``;
        None for NULL and for years outside 1 to 9999.
    """
    ticks = _within(array.cast(pa.int64()), _TICKS[array.type.unit])
    moments = pc.floor_temporal(ticks.cast(pa.timestamp(array.type.unit)), unit=_NAMES[unit])
    texts = pc.replace_substring(moments.cast(pa.timestamp(unit)).cast(pa.string()), " ", "T")
    return pc.binary_join_element_wise(texts, "Z", "").to_pylist()  # type: ignore[no-any-return]


def date_texts(array: pa.Array) -> list[str | None]:
    """Say dates as ``2026-01-05``; None for NULL and for years outside 1 to 9999."""
    if types.is_date64(array.type):
        seconds = pc.divide(array.cast(pa.int64()), 1_000)
    else:
        seconds = pc.multiply(array.cast(pa.int32()).cast(pa.int64()), 86_400)
    midnights = _within(seconds, 1).cast(pa.timestamp("s")).cast(pa.string())
    return pc.utf8_slice_codeunits(midnights, 0, 10).to_pylist()  # type: ignore[no-any-return]


def _within(ticks: pa.Array, per_second: int) -> pa.Array:
    first, after = _FIRST_SECOND * per_second, (_LAST_SECOND + 1) * per_second
    if after >= 2**63:  # nanoseconds of 64 bits end in 2262
        return ticks
    fits = pc.and_(pc.greater_equal(ticks, first), pc.less(ticks, after))
    return pc.if_else(fits, ticks, pa.scalar(None, pa.int64()))
