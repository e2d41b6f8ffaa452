"""Columns of a batch as Python values, without ever failing because of what a row holds."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring
from typing import Literal, TypeVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.value_text import MARKS, TEXTS_FIELD, VALUES_FIELD
from airflow_provider_cdi.exceptions import SourceError

_NO_FRACTION = re.compile(r"(?<=\d)\.0+$")
#: From ``!`` to ``~``, but for the quote and the backslash.
USUAL = r"[!#-\[\]-~]+"

Rows = TypeVar("Rows", pa.RecordBatch, pa.Array)
Value = TypeVar("Value")

# Years 1 to 9999: what ISO 8601 with four digits can say. A database's "infinity" lies outside.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799
_NAMES = {"s": "second", "ms": "millisecond"}
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def column(rows: pa.RecordBatch, name: str) -> pa.Array | None:
    """Give the column of that name, plainly encoded; None when the source has none.

    Where each value says itself what it is, it is given as text.
    """
    place = rows.schema.get_field_index(name)
    if place < 0:
        return None
    if says_values(rows.schema.field(place)):
        return pa.array(map(_text_of_value, rows.column(place).to_pylist()), pa.string())
    return plain(rows.column(place))


def says_values(field: pa.Field) -> bool:
    """Tell whether each value of a column says itself what it is (:mod:`.engine.rows.value_text`)."""
    return _says(field, VALUES_FIELD)


def is_untyped(field: pa.Field) -> bool:
    """Tell whether the database gives a column no type, so that what it holds is a matter of each row."""
    return _says(field, VALUES_FIELD) or _says(field, TEXTS_FIELD)


def _says(field: pa.Field, metadata: Mapping[bytes, bytes]) -> bool:
    return field.metadata is not None and metadata.items() <= field.metadata.items()


def _text_of_value(text: str | None) -> str | None:
    if text is None:
        return None
    if text.startswith('"'):
        return str(orjson.loads(text))
    # A whole number has no fraction, whatever its type.
    return _NO_FRACTION.sub("", text[1:] if text[0] in MARKS else text)


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
    array = None if name is None else identifier_array(rows, name)
    if array is None:
        return [None] * rows.num_rows
    return [None if text is None or not text or text.isspace() else text for text in array.to_pylist()]


def read_identifiers(rows: pa.RecordBatch, name: str) -> list[str | Rejection | None]:
    """Read an identifier column as text, blank text as None, and text that is not UTF-8 as the reason why it is none.

    :raises SourceError: when the column's type has no text form.
    """
    unreadable = Rejection("identifier_unreadable", f"{name} holds text that is not UTF-8.")
    return by_halves(rows, lambda part: list(identifier_texts(part, name)), unreadable)


def identifier_array(rows: pa.RecordBatch, name: str) -> pa.Array | None:
    """Give an identifier column as text; None when the source has none.

    :raises SourceError: when the column's type has no text form.
    :raises pyarrow.ArrowInvalid: when one of its values has none: bytes that are not UTF-8.
    """
    array = column(rows, name)
    if array is None or types.is_string(array.type):
        return array
    try:
        return as_texts(array)
    except pa.ArrowNotImplementedError:
        raise SourceError(
            f"Column {name} has the type {array.type}, which cannot be an identifier. Cast it to text."
        ) from None


def identifier_arrays(rows: pa.RecordBatch, names: Iterable[str]) -> dict[str, pa.Array]:
    """Give the identifier columns in which a row has a value, as text; none at all when one cannot be read.

    :raises SourceError: when a column's type has no text form.
    """
    try:
        columns = {name: identifier_array(rows, name) for name in names}
    except pa.ArrowInvalid:
        return {}
    return {name: array for name, array in columns.items() if array is not None and array.null_count < len(array)}


def as_texts(array: pa.Array) -> pa.Array:
    """Give values as text, a whole number without a fraction or an exponent, whatever its type; NaN as NULL.

    :raises pyarrow.ArrowNotImplementedError: when the type has no text form.
    """
    if types.is_decimal(array.type):
        if array.type.scale < 0:
            array = array.cast(pa.decimal256(array.type.precision - array.type.scale, 0))
        return pc.replace_substring_regex(array.cast(pa.string()), r"\.0+$", "")
    if types.is_floating(array.type):
        numbers = array.cast(pa.float64())
        numbers = where(pc.is_finite(numbers), numbers)
        is_whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), number_scalar(2**53)))
        whole = where(is_whole, numbers).cast(pa.int64()).cast(pa.string())
        return pc.if_else(
            is_whole, whole, array.cast(pa.float32() if types.is_float16(array.type) else array.type).cast(pa.string())
        )
    return array.cast(pa.string())


def fast_texts(texts: pa.Array, most_bytes: int, pattern: str = USUAL) -> pa.Array:
    """Keep the texts that stand in JSON as they are, and make NULL of the others, which need a closer look.

    :param most_bytes: that a text may have.
    :param pattern: what a whole text must look like, and nothing in it may need an escape.
    :return: by default, texts of printable ASCII without a quote, a backslash and a space, none of them empty.
    """
    matches = pc.match_substring_regex(texts, rf"\A(?:{pattern})\z")
    is_usual = pc.and_(matches, pc.less_equal(pc.binary_length(texts), number_scalar(most_bytes)))
    return where(is_usual, texts)


def joined(*parts: pa.Array | str) -> list[bytes | None]:
    """Join texts row by row; None where one of them is NULL."""
    return side_by_side(*parts).cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]


def joined_texts(*parts: pa.Array | str) -> list[str | None]:
    """Join texts row by row as :func:`joined`, into texts."""
    return side_by_side(*parts).to_pylist()  # type: ignore[no-any-return]


def side_by_side(*parts: pa.Array | str) -> pa.Array:
    """Join texts row by row; NULL where one of them is NULL.

    With ``null_handling="skip"`` Arrow (26 and before) leaves out rows whose texts are all NULL: do not use it.
    """
    scalars = [text_scalar(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*scalars, text_scalar(""))


def text_scalar(text: str) -> pa.Scalar:
    """Make a text a scalar. ``pa.scalar`` would do so too, but imports pandas for it: 0.2 s and much memory."""
    letters = text.encode()
    buffers = [None, pa.py_buffer(struct.pack("=ii", 0, len(letters))), pa.py_buffer(letters)]
    return pa.Array.from_buffers(pa.string(), 1, buffers)[0]


def number_scalar(number: int) -> pa.Scalar:
    """Make a number of 64 bits a scalar, see :func:`text_scalar`."""
    return pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(struct.pack("=q", number))])[0]


def where(condition: pa.Array, values: pa.Array) -> pa.Array:
    """Keep the values for which the condition holds, and make NULL of the others."""
    return pc.if_else(condition, values, pa.nulls(1, values.type)[0])


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
    return joined_texts(texts, "Z")


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
    fits = pc.and_(pc.greater_equal(ticks, number_scalar(first)), pc.less(ticks, number_scalar(after)))
    return where(fits, ticks)
