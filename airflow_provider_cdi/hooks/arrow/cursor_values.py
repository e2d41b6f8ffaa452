"""From the values of a DB-API cursor to an Arrow array, column by column.

What becomes of a value depends on the value and on what the database says of its column, never on the rows that were
fetched with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.engine.rows.value_text import JSON_FIELD, TEXTS_FIELD, VALUES_FIELD
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.arrow.column_types import ITEMS, ColumnType
from airflow_provider_cdi.hooks.arrow.far_times import TYPES as TIME_TYPES
from airflow_provider_cdi.hooks.arrow.far_times import time_array
from airflow_provider_cdi.hooks.arrow.value_texts import json_text, number_text, value_text


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the statement that reads rows.

    :param name: as the source spells it.
    :param kind: what it holds.
    """

    name: str
    kind: ColumnType


FieldMetadata = Mapping[bytes, bytes] | None


def plain_row(row: Any) -> Sequence[Any]:
    """Return the values of a row; a connection may be set to return mappings (``"cursor": "dictcursor"``)."""
    return tuple(row.values()) if isinstance(row, dict) else row


def value_array(kind: ColumnType, values: Sequence[Any], *, is_field: bool) -> tuple[pa.Array, FieldMetadata]:
    """Return the values as an array, and what is to be said of its texts.

    :param is_field: whether it becomes a field of a built payload. Other columns are looked at by destinations
        themselves, which must not see another type because of other rows.
    """
    if kind in TIME_TYPES:
        return time_array(values, kind), None
    if kind in _TEXTS:
        write, metadata = _TEXTS[kind]
        return pa.array(map(write, values), pa.string()), metadata
    if kind is ColumnType.INTERVAL:
        return pa.nulls(len(values), pa.month_day_nano_interval()), None
    arrow_type = _ARROW_TYPES.get(kind) or _type_alike(kind, values, is_field=is_field)
    if arrow_type is not None:
        try:
            array = pa.array(values, arrow_type)
            return array, TEXTS_FIELD if kind not in _ARROW_TYPES and types.is_string(arrow_type) else None
        except _UNFIT:
            pass
    return pa.array([value_text(value, kind) for value in values], pa.string()), VALUES_FIELD


def identifier_array(values: Iterable[Any], column: Column) -> pa.Array:
    """Return the values of an identifier as texts, see :func:`identifier_text`.

    :raises SourceError: for a column of bytes.
    """
    if column.kind is ColumnType.BINARY:
        raise SourceError(f"The identifier column {column.name!r} holds binary data. Cast it to text in a view.")
    if column.kind is ColumnType.NUMBER:
        values = (Decimal(value) if isinstance(value, str) else value for value in values)
    texts = [identifier_text(value) for value in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        raw = [None if text is None else text.encode("utf-8", "surrogateescape") for text in texts]
        return pa.array(raw, pa.binary()).view(pa.string())


def identifier_text(value: Any) -> str | None:
    """Write an identifier as text. A whole number has no fraction, whatever its type (7.0 is ``7``).

    :param value: as the driver returned it.
    :return: None for nobody; a text that is not UTF-8 for a value of a type that identifies nobody (bytes, a list), so
        that just its row is rejected.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        if value != value:  # noqa: PLR0124 - not a number: nobody
            return None
        return str(int(value)) if abs(value) != float("inf") and value == int(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview | list | tuple | dict | set):
        return _NO_IDENTIFIER
    return str(value)


#: No text can be that in UTF-8: half of a surrogate pair.
_NO_IDENTIFIER = "\udcff"


def payload_text(value: Any) -> str | None:
    """Write the value of a payload as JSON; what is a text or bytes already stays as it is."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            value = value.encode("utf-8", "surrogateescape")
        else:
            return value
    if isinstance(value, bytes | bytearray | memoryview):
        # Bytes that are no UTF-8 become a text that is no JSON: one rejected row, not a stopped sync.
        return bytes(value).decode("utf-8", "backslashreplace")
    return json_text(value)


def _uuid_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _type_alike(kind: ColumnType, values: Sequence[Any], *, is_field: bool) -> pa.DataType | None:
    if kind in ITEMS:
        return None
    found = set(map(type, values))
    found.discard(type(None))
    if len(found) > 1:
        return None
    one = found.pop() if found else str
    return _ALIKE.get(one) if is_field or one is str else None


_ARROW_TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.PADDED: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.FLOAT: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.BINARY: pa.binary(),
}

#: The types that a column may take because all its values of a group are of one: a body and a hash tell no difference.
_ALIKE = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}

_UNFIT = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeEncodeError)

_TEXTS: Mapping[ColumnType, tuple[Callable[[Any], str | None], FieldMetadata]] = {
    ColumnType.JSON: (payload_text, JSON_FIELD),
    ColumnType.NUMBER: (number_text, VALUES_FIELD),
    ColumnType.UUID: (_uuid_text, None),
}
