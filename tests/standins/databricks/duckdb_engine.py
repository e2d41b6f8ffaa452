"""DuckDB behind the stand-in: Databricks' SQL is translated by sqlglot."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from standins.databricks.duckdb_types import type_text, without_hugeints
from standins.databricks.engine import CATALOG, SCHEMA, Column, Result, SessionSettings, StatementRefused, Stopped
from standins.databricks.orders import Orders
from standins.databricks.refusals import refused

logging.getLogger("sqlglot").setLevel(logging.ERROR)

#: DuckDB's own vector.
BATCH_ROWS = 2048
_DESCRIBE = re.compile(r"\s*describe\s+query\s+(?P<query>.*)", re.IGNORECASE | re.DOTALL)
_TO_JSON = "memory.main.databricks_to_json"
_TIME_ZONE = "memory.main.databricks_time_zone"
_DESCRIBED = (Column("col_name", "string"), Column("data_type", "string"), Column("comment", "string"))


class DuckDbEngine:
    """One database in memory, with one catalog and one schema as a new workspace has them."""

    def __init__(self) -> None:
        self._database = duckdb.connect()
        self._database.execute(f"attach ':memory:' as {CATALOG}; create schema {CATALOG}.\"{SCHEMA}\"")
        self._database.execute("set streaming_buffer_size = '1MB'; set preserve_insertion_order = false")
        self._database.execute(
            f"create macro {_TO_JSON}(value) as case when typeof(value) = 'JSON' then cast(value as varchar) "
            "else cast(to_json(value) as varchar) end"
        )
        self._database.execute(f"create macro {_TIME_ZONE}() as current_setting('TimeZone')")
        self._orders = Orders()

    def statement(self, settings: SessionSettings) -> DuckDbStatement:
        """Return a statement on a connection of its own."""
        return DuckDbStatement(self._database.cursor(), settings, self._orders)

    def clear(self) -> None:
        """Drop the schema and make it again."""
        self._database.cursor().execute(f'drop schema {CATALOG}."{SCHEMA}" cascade; create schema {CATALOG}."{SCHEMA}"')
        self._orders.forget()

    def load(self, name: str, path: str) -> None:
        """Make a table of a Parquet file; times have microseconds, as in Databricks."""
        table = exp.to_table(name, dialect="databricks").sql("duckdb", identify=True)
        cursor = self._database.cursor()
        cursor.execute(f'use {CATALOG}."{SCHEMA}"')
        columns = cursor.execute("describe select * from read_parquet(?)", [path]).fetchall()
        short = [
            f'cast("{column[0]}" as timestamp) as "{column[0]}"' for column in columns if column[1] == "TIMESTAMP_NS"
        ]
        replaced = f" replace ({', '.join(short)})" if short else ""
        cursor.execute(f"create or replace table {table} as select *{replaced} from read_parquet(?)", [path])


class DuckDbStatement:
    """One statement."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, settings: SessionSettings, orders: Orders) -> None:
        self._cursor = cursor
        self._settings = settings
        self._orders = orders
        self._stopped = threading.Event()

    def run(self, text: str, parameters: Sequence[Any]) -> Result:
        """Run it, or prepare its stream."""
        try:
            return self._run(text, parameters)
        except (duckdb.Error, sqlglot.ParseError, sqlglot.TokenError) as error:
            raise self._mapped(error) from None

    def stop(self) -> None:
        """Interrupt it."""
        self._stopped.set()
        self._cursor.interrupt()

    def close(self) -> None:
        """Close its connection."""
        self._cursor.close()

    def _run(self, text: str, parameters: Sequence[Any]) -> Result:
        if self._orders.take(text, self._settings):
            return _nothing()
        self._enter()
        if describe := _DESCRIBE.fullmatch(text):
            return self._describe(describe["query"], parameters)
        tree = self._parsed(text)
        if not isinstance(tree, exp.Query):
            self._cursor.execute(tree.sql("duckdb", identify=True), list(parameters))
            return _nothing()
        return self._select(tree, parameters)

    def _enter(self) -> None:
        self._cursor.execute(f"set TimeZone = '{self._settings.zone}'")
        try:
            self._cursor.execute(f'use "{self._settings.catalog}"."{self._settings.schema}"')
        except duckdb.Error:
            name = f"`{self._settings.catalog}`.`{self._settings.schema}`"
            raise StatementRefused.of("SCHEMA_NOT_FOUND", f"The schema {name} cannot be found.", "42704") from None

    def _parsed(self, text: str) -> exp.Expression:
        tree = sqlglot.parse_one(text, read="databricks").transform(_as_duckdb_wants)
        self._orders.check_may_read(tree, self._settings)
        return tree

    def _describe(self, query: str, parameters: Sequence[Any]) -> Result:
        relation = self._relation(self._parsed(query), parameters)
        names, types = relation.columns, [type_text(kind) for kind in relation.types]
        schema = pa.schema([(column.name, pa.string()) for column in _DESCRIBED])
        nothing = pa.nulls(len(names), pa.string())
        batch = pa.record_batch([pa.array(names, pa.string()), pa.array(types, pa.string()), nothing], schema=schema)
        return Result(_DESCRIBED, schema, iter([batch]))

    def _select(self, tree: exp.Expression, parameters: Sequence[Any]) -> Result:
        relation = self._relation(tree, parameters)
        types = [type_text(kind) for kind in relation.types]
        columns = [Column(name, kind) for name, kind in zip(relation.columns, types, strict=True)]
        reader = relation.to_arrow_reader(BATCH_ROWS)
        schema = without_hugeints(reader.schema, types)
        return Result(columns, schema, self._batches(reader, schema))

    def _relation(self, tree: exp.Expression, parameters: Sequence[Any]) -> duckdb.DuckDBPyRelation:
        return self._cursor.sql(tree.sql("duckdb", identify=True), params=list(parameters))

    def _batches(self, reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in reader:
                yield batch if batch.schema == schema else batch.cast(schema)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise self._mapped(error) from None

    def _mapped(self, error: Exception) -> Exception:
        return Stopped() if self._stopped.is_set() else refused(error)


def _as_duckdb_wants(node: exp.Expression) -> exp.Expression:
    """Keep JSON as the text that it was, whose numbers DuckDB's own functions would round, and know the zone."""
    if isinstance(node, exp.CurrentTimezone):
        return exp.Anonymous(this=_TIME_ZONE)
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.VARIANT:
        return exp.DataType.build("json")
    if isinstance(node, exp.ParseJSON):
        return exp.cast(node.this, exp.DataType.build("json"))
    if isinstance(node, exp.JSONFormat):
        return exp.Anonymous(this=_TO_JSON, expressions=[node.this])
    return node


def _nothing() -> Result:
    return Result([], pa.schema([]))
