"""Factories for rows and destinations."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cdi.destinations.braze import braze_destination
from airflow_provider_cdi.engine.rows.records import Record, Rejection

AT = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)


def rows_of(**columns: list[Any] | pa.Array) -> pa.RecordBatch:
    """Make a batch; texts unless an Arrow array is given, UPDATED_AT when it is not given."""
    size = len(next(iter(columns.values())))
    arrays = {"UPDATED_AT": pa.array([AT] * size, pa.timestamp("us"))}
    for name, values in columns.items():
        arrays[name] = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    return pa.RecordBatch.from_pydict(arrays)


def encode_row(data_type: str, row: dict[str, Any], **options: Any) -> Record | Rejection:
    """Encode one row; a payload that is a dict or list becomes JSON text, an Arrow array is taken as it is."""
    columns = {
        name: value if isinstance(value, pa.Array) else [json.dumps(value) if isinstance(value, dict | list) else value]
        for name, value in row.items()
    }
    if data_type == "catalog_items":
        options.setdefault("catalog", "shops")
    (result,) = braze_destination(data_type, **options).encode(rows_of(**columns))
    return result


def encoded(data_type: str, row: dict[str, Any], **options: Any) -> Any:
    """Encode a row that is good, and decode its body."""
    result = encode_row(data_type, row, **options)
    assert isinstance(result, Record), result
    return json.loads(result.body)


def code_of(data_type: str, row: dict[str, Any], **options: Any) -> str | None:
    """Encode a row and give the code of its reject; None when it is good."""
    result = encode_row(data_type, row, **options)
    return result.code if isinstance(result, Rejection) else None


@pytest.fixture(scope="session", name="rows_of")
def _rows_of():
    return rows_of


@pytest.fixture(scope="session", name="encode_row")
def _encode_row():
    return encode_row


@pytest.fixture(scope="session", name="encoded")
def _encoded():
    return encoded


@pytest.fixture(scope="session", name="code_of")
def _code_of():
    return code_of
