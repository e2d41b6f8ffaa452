"""Real databases behind real Airflow connections, small enough for a test."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.engine.rows.table_contract import TableContract
from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

ATTRIBUTES = TableContract(
    "attributes",
    ("EXTERNAL_ID", "ALIAS_NAME", "ALIAS_LABEL", "BRAZE_ID", "EMAIL", "PHONE"),
    pairs=(("ALIAS_NAME", "ALIAS_LABEL"),),
)
CATALOG = TableContract("catalog_items", ("ID",), optional=("DELETED",))
NOW = "2026-06-01T00:00:00.000000Z"
EVERYTHING = Bounds(up_to=NOW)


class Database:
    """One database file and its Airflow connection ``w``.

    :param extra: of the Airflow connection.
    """

    def __init__(self, kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **extra: Any) -> None:
        self.kind = kind
        self.path = folder / f"warehouse.{kind}"
        connection = {"conn_type": kind, "host": str(self.path), "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(connection))

    def run(self, *statements: str) -> Database:
        import duckdb

        connect: dict[str, Callable[[str], Any]] = {"duckdb": duckdb.connect, "sqlite": sqlite3.connect}
        connection = connect[self.kind](str(self.path))
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return self

    def source(self, table: str | None = "t", contract: TableContract = ATTRIBUTES, **kwargs: Any) -> SqlSource:
        source = get_warehouse_hook("w").source(table, contract=contract, **kwargs)
        assert isinstance(source, SqlSource)
        return source


def read(source: SqlSource, bounds: Bounds = EVERYTHING) -> list[dict[str, Any]]:
    """All rows; a timestamp as text, at its full precision."""
    return [row for batch in source.read(bounds) for row in legible(batch).to_pylist()]


def legible(batch: pa.RecordBatch) -> pa.RecordBatch:
    names = batch.schema.names
    arrays = [array.cast(pa.string()) if pa.types.is_timestamp(array.type) else array for array in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=names)
