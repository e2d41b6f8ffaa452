"""A PAYLOAD column of any Arrow type as JSON text, one text a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.destinations.columns import by_halves, column, is_text, plain, text_bytes
from airflow_provider_cdi.destinations.json_values import JsonReader, Unfit
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.engine.rows.table_contract import PAYLOAD

_UNREADABLE = Rejection(
    "payload_type_unsupported", "PAYLOAD holds text that is not UTF-8 or a value out of its type's range."
)


@dataclass(frozen=True, slots=True)
class StructStyle:
    """What a data type wants from columns that become JSON. Text payloads are not touched by it.

    :param nested_time: say a date or time inside a nested object as ``{"$time": …}`` (Braze: nested custom
        attributes).
    :param drop_nulls: leave NULL fields out of the payload's own object too; otherwise they are JSON null there. Below,
        NULL is always left out, of objects, of lists in them and of lists of them: Braze drops nested updates with a
        null in them.
    :param forms: field of the payload's own object -> gives its value in the form that it should have.
    """

    nested_time: bool = False
    drop_nulls: bool = False
    forms: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)


def payload_texts(rows: pa.RecordBatch, style: StructStyle) -> list[bytes | Rejection | None]:
    """Give every row's payload as JSON text in UTF-8.

    Text and binary columns and JSON extension types are given as they are, unchecked. Structs and maps are
    encoded: decimals and integers with every digit, dates as ``2026-01-05``, times as ISO 8601 in UTC with
    milliseconds.

    :param rows: with or without a PAYLOAD column.
    :return: one entry a row: the text, None for NULL, or the reason why there is no text.
    """
    array = column(rows, PAYLOAD)
    if array is None:
        return [None] * rows.num_rows
    if isinstance(array.type, pa.BaseExtensionType):
        array = plain(array.storage)
    if is_text(array.type) or types.is_binary(array.type) or types.is_large_binary(array.type):
        return text_bytes(array)  # type: ignore[return-value]
    return by_halves(array, lambda part: _encode(part, style), _UNREADABLE)


def column_values(rows: pa.RecordBatch, name: str, style: StructStyle) -> list[Any]:
    """Give the values of one column for :func:`json_object_text`.

    :param rows: with the column of that name. Text whose field says so is put in as JSON, see
        :mod:`airflow_provider_cdi.engine.rows.value_text`.
    :return: one value a row, None for NULL.
    """
    field = rows.schema.field(name)
    values: list[Any] = by_halves(
        rows.column(name),
        lambda part: _reader(style).member(part, field, name, in_object=False),
        Unfit(Rejection("payload_type_unsupported", f"{name} holds text that is not UTF-8 or is out of its range.")),
    )
    return values


def json_object_text(members: dict[str, Any]) -> bytes | Rejection:
    """Encode an object whose values, at any depth, come from :func:`column_values`.

    :return: the text, or the reason why there is none.
    """
    return _dump(members)


def _reader(style: StructStyle) -> JsonReader:
    return JsonReader(nested_time=style.nested_time, drop_nulls=style.drop_nulls, forms=style.forms)


def _encode(array: pa.Array, style: StructStyle) -> list[bytes | Rejection | None]:
    values = _reader(style).read(array, PAYLOAD, in_object=False)
    return [None if value is None else _dump(value) for value in values]


def _dump(value: Any) -> bytes | Rejection:
    try:
        return orjson.dumps(value, default=_raise_unfit)
    except TypeError as error:
        # orjson wraps what the default function raised.
        if isinstance(error.__cause__, Unfit):
            return error.__cause__.rejection
        raise


def _raise_unfit(value: Any) -> Any:
    if isinstance(value, Unfit):
        # One object stands for all bad values of a column: without this its traceback grows by each row.
        raise value.with_traceback(None)
    raise TypeError(f"no JSON for {type(value).__name__}")
