"""Columns whose values Klaviyo wants as text, of whatever type the warehouse has them."""

from __future__ import annotations

import math

import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.destinations.columns import by_halves, column, date_texts, is_text
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.exceptions import SourceError


def text_column(rows: pa.RecordBatch, name: str) -> list[str | Rejection | None]:
    """Give the values of a column as text; a whole number has no fraction, whatever its type (7.0 is ``7``).

    :return: one entry a row: the text, None for NULL and where there is no such column, or why it cannot be read.
    :raises SourceError: when the column's type has no text form.
    """
    array = column(rows, name)
    if array is None:
        return [None] * rows.num_rows
    unreadable = Rejection("payload_type_unsupported", f"{name} holds text that is not UTF-8.")
    return by_halves(array, lambda part: _texts(part, name), unreadable)


def _texts(array: pa.Array, name: str) -> list[str | Rejection | None]:
    kind = array.type
    if types.is_floating(kind) or types.is_decimal(kind):
        unfit = Rejection("payload_type_unsupported", f"{name} is NaN or infinite.")
        return [None if value is None else _number_text(value) or unfit for value in array.to_pylist()]
    if types.is_date(kind):
        far = Rejection("payload_type_unsupported", f"{name} is outside the years 1 to 9999.")
        dates = zip(date_texts(array), array.is_null().to_pylist(), strict=True)
        return [text if text or is_null else far for text, is_null in dates]
    if is_text(kind) or types.is_null(kind) or types.is_integer(kind) or types.is_boolean(kind):
        return array.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]
    raise SourceError(f"Column {name} has the type {kind}, and Klaviyo wants text there. Cast it to text in a view.")


def _number_text(value: float) -> str | None:
    if not math.isfinite(value):
        return None
    return str(int(value)) if value == int(value) else str(value)
