"""DuckDB: the warehouse in a file, which shows what the suite means."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from warehouses.worlds.base import World


class DuckDbWorld(World):
    """A file. There are no logins, no statements to see and no network to break."""

    name = "duckdb"
    digits = 9
    is_case_sensitive = False
    is_observed = False
    types = {
        "timestamp": "timestamp_ns",
        "timestamp_tz": "timestamptz",
        "text": "varchar",
        "json": "json",
        "integer": "bigint",
        "big_integer": "decimal(38, 0)",
        "decimal": "decimal(38, 10)",
        "float": "double",
        "boolean": "boolean",
        "date": "date",
        "binary": "blob",
        "struct": "struct(a bigint, b varchar)",
        "array": "bigint[]",
        "map": "map(varchar, bigint)",
    }

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        with tempfile.TemporaryDirectory(prefix="cdi-duckdb-") as folder:
            self.path = Path(folder) / "warehouse.duckdb"
            yield self

    def clean(self) -> None:
        self.path.unlink(missing_ok=True)

    def connection(self, **fields: Any) -> dict[str, Any]:
        return {"conn_type": "duckdb", "host": str(self.path), **fields}

    def connect_in_zone(self, zone: str) -> None:
        self.connect(extra={"settings": {"TimeZone": zone}})

    def run(self, *statements: str) -> list[list[Any]]:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for statement in statements:
                connection.execute(statement)
            return [list(row) for row in connection.fetchall()]

    def load(self, name: str, table: pa.Table) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.register("loaded", table)
            connection.execute(f"create or replace table {name} as select * from loaded")

    def literal(self, kind: str, value: str | None) -> str:
        if kind == "binary" and value is not None:
            return f"unhex('{value}')"
        if kind in ("struct", "map", "array") and value is not None:
            return f"cast(cast('{value}' as json) as {self.types[kind]})"
        return super().literal(kind, value)
