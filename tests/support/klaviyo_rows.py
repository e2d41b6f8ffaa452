"""Rows for Klaviyo's destinations, and what becomes of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from airflow_provider_cdi.destinations.klaviyo import KlaviyoArguments, klaviyo_destination
from airflow_provider_cdi.engine.rows.records import Record, Rejection

AT = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)
NOW = AT.timestamp()
ADA = {"EMAIL": "ada@acme-demo.io"}
VISIT = {**ADA, "EVENT_TIME": AT, "METRIC_NAME": "Visit"}
#: A text that is not UTF-8.
NOT_UTF8 = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])


def rows_of(**columns: list[Any] | pa.Array) -> pa.RecordBatch:
    """Make a batch; the values decide the types, and so does an Arrow array."""
    size = len(next(iter(columns.values())))
    arrays = {"UPDATED_AT": pa.array([AT] * size, pa.timestamp("us"))}
    for name, values in columns.items():
        arrays[name] = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.RecordBatch.from_pydict(arrays)


def encode_row(row: dict[str, Any], data_type: str = "profiles", **options: Any) -> Record | Rejection:
    """Encode one row; an Arrow array of one value is taken as it is."""
    columns = {name: value if isinstance(value, pa.Array) else [value] for name, value in row.items()}
    result: Record | Rejection
    (result,) = make(data_type, **options).encode(rows_of(**columns))
    return result


def make(data_type: str = "profiles", **options: Any) -> Any:
    return klaviyo_destination(data_type, KlaviyoArguments(**{"now": lambda: NOW} | options))


def profile(row: dict[str, Any], **options: Any) -> Any:
    """Encode a row that is good, and decode its profile."""
    record = encode_row(row, **options)
    assert isinstance(record, Record), record
    return json.loads(record.body)


def event(row: dict[str, Any], **options: Any) -> Any:
    """Encode a row that is a good event, and decode the event's attributes."""
    record = encode_row(row, "events", **options)
    assert isinstance(record, Record), record
    (found,) = json.loads(record.body)["attributes"]["events"]["data"]
    return found["attributes"]


def code_of(row: dict[str, Any], data_type: str = "profiles", **options: Any) -> str | None:
    """Encode a row and give the code of its reject; None when it is good."""
    result = encode_row(row, data_type, **options)
    return result.code if isinstance(result, Rejection) else None
