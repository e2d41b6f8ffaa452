"""Columns that say when something was: the last change of a row, the moment of a consent."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from pyarrow import types

from airflow_provider_cdi.destinations.columns import column, is_text
from airflow_provider_cdi.destinations.klaviyo.texts import text_column
from airflow_provider_cdi.destinations.times import read_time
from airflow_provider_cdi.engine.rows.records import Rejection
from airflow_provider_cdi.exceptions import SourceError

_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def read_moments(rows: pa.RecordBatch, name: str, invalid: Rejection) -> list[int | Rejection | None]:
    """Give the moments of a column in whole seconds since the epoch, cut: Klaviyo keeps no finer ones.

    :param rows: with timestamps (UTC where they have no zone), dates (midnight), or text that
        :func:`~airflow_provider_cdi.destinations.times.read_time` reads.
    :param invalid: stands for other text.
    :return: one entry a row, None for NULL and blank text, and where there is no such column.
    :raises SourceError: when the column is of another type.
    """
    array = column(rows, name)
    if array is None or types.is_null(array.type):
        return [None] * rows.num_rows
    if is_text(array.type):
        return [_read_text(text, invalid) for text in text_column(rows, name)]
    if types.is_date(array.type):
        array = array.cast(pa.timestamp("ms"))
    if not types.is_timestamp(array.type):
        raise SourceError(
            f"Column {name} has the type {array.type}. Cast it to a timestamp in UTC, or to text in ISO 8601."
        )
    ticks = _TICKS[array.type.unit]
    return [None if tick is None else tick // ticks for tick in array.cast(pa.int64()).to_pylist()]


def read_moment(text: object) -> int | None:
    """Give a moment in whole seconds since the epoch, UTC where it has no zone; None for what is no time."""
    time = read_time(text) if isinstance(text, str) else None
    return None if time is None else time.seconds


def moment_text(seconds: int) -> str | None:
    """Say a moment in ISO 8601 and UTC; None for years outside 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _read_text(text: str | Rejection | None, invalid: Rejection) -> int | Rejection | None:
    if text is None or isinstance(text, Rejection):
        return text
    if not text.strip():
        return None
    moment = read_moment(text)
    return invalid if moment is None else moment
