"""DuckDB behind BigQuery's names: projects are databases, datasets are schemas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from standins.bigquery.errors import ServiceError, engine_error
from standins.bigquery.results import Result, ResultWriter
from standins.bigquery.schema import BIGNUMERIC, Field, field_of, fit
from standins.bigquery.translate import TableName, Translated, cased, translate

LOCATION = "US"


class Engine:
    """Tables in memory and statements on them. Every statement has a connection of its own.

    :param project: the project that names of two parts belong to.
    :param dataset: where an administrator's names of one part belong to.
    :param folder: where results are kept.
    """

    def __init__(self, project: str, dataset: str, folder: Path) -> None:
        self.project = project
        self._dataset = dataset
        self._folder = folder
        self._root = duckdb.connect(config={"memory_limit": "2GB", "threads": 2})
        self._root.execute("SET TimeZone = 'UTC'")
        self._projects: set[str] = set()
        self.add_project(project)
        self.clear()

    def clear(self) -> None:
        """Drop all tables and views of the administrator's dataset, or make it."""
        where = f"{_quoted(self.project)}.{_quoted(cased(self._dataset))}"
        self._root.execute(f"drop schema if exists {where} cascade")
        self._root.execute(f"create schema {where}")

    def add_project(self, name: str) -> None:
        """Make a project that datasets can be made in."""
        if name not in self._projects:
            self._root.execute(f"ATTACH ':memory:' AS {_quoted(name)}")
            self._projects.add(name)

    def connect(self, zone: str = "UTC") -> duckdb.DuckDBPyConnection:
        """Return a connection for one statement; ``interrupt()`` ends it."""
        connection = self._root.cursor()
        connection.execute("SET TimeZone = $zone", {"zone": zone})
        return connection

    def rows_of(self, text: str) -> list[list[Any]]:
        """Run an administrator's statement, which is not logged, and return its rows."""
        translated = self.understood(text, self._dataset)
        with self.connect() as connection:
            found = connection.execute(translated.text)
            return [list(row) for row in found.fetchall()] if translated.is_query else []

    def understood(
        self, text: str, dataset: str | None, parameters: Sequence[Any] = (), hidden: Collection[str] = ()
    ) -> Translated:
        """Translate a statement and see that its tables are there and may be read.

        :param hidden: tables, as ``dataset.table``, that the asking account may not read.
        :raises ServiceError: otherwise.
        """
        translated = translate(text, self.project, dataset, parameters)
        for table in translated.tables:
            if f"{table.dataset}.{table.table}" in hidden:
                raise ServiceError(
                    "accessDenied",
                    f"Access Denied: Table {table}: User does not have permission to query table {table}, "
                    f"or perhaps it does not exist.",
                )
            self._check_is_there(table, table in translated.creates)
        return translated

    def describe(self, connection: duckdb.DuckDBPyConnection, translated: Translated) -> list[Field]:
        """Return the columns of a query without running it.

        :raises ServiceError: when a name or a type in it is wrong.
        """
        try:
            relation = connection.sql(translated.text)
        except duckdb.Error as error:
            raise engine_error(error) from None
        return [field_of(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True)]

    def run(self, connection: duckdb.DuckDBPyConnection, translated: Translated, name: str) -> Result:
        """Run a statement and keep its result on disk.

        :raises ServiceError: when it fails or is interrupted.
        """
        try:
            if not translated.is_query:
                connection.execute(translated.text)
                return ResultWriter(self._folder / name, []).close()
            relation = connection.sql(translated.text)
            fields = [field_of(column, kind) for column, kind in zip(relation.columns, relation.types, strict=True)]
            writer = ResultWriter(self._folder / name, fields)
            for batch in relation.to_arrow_reader(8192):
                columns = [fit(array, field) for array, field in zip(batch.columns, fields, strict=True)]
                writer.add(columns)
            return writer.close()
        except duckdb.Error as error:
            raise engine_error(error) from None

    def bytes_of(self, connection: duckdb.DuckDBPyConnection, translated: Translated) -> int:
        """Guess what a statement reads: sixteen bytes a row and column."""
        rows = 0
        for table in translated.tables:
            where = ".".join(map(_quoted, table.physical))
            ((found,),) = connection.execute(f"select count(*) from {where}").fetchall()
            rows += found
        return rows * 16 * max(1, translated.columns)

    def load(self, name: str, path: str) -> None:
        """Make a table of a Parquet file; decimals become NUMERIC where they fit, and BIGNUMERIC elsewhere."""
        table = self.understood(f"create or replace table {name} (x int64)", self._dataset).creates[0]
        loaded = pq.read_table(path)
        selected = [f"{_as_stored(field)} as {_quoted(field.name)}" for field in loaded.schema]
        loaded = _plain_decimals(loaded)
        connection = self.connect()
        connection.register("loaded", loaded)
        where = ".".join(map(_quoted, table.physical))
        connection.execute(f"create or replace table {where} as select {', '.join(selected)} from loaded")
        connection.close()

    def _check_is_there(self, table: TableName, is_made: bool) -> None:
        project, dataset, name = table.physical
        found = self._root.execute(
            "select count(*) filter (kind = 'schema'), count(*) filter (kind = 'table' and name = ?) from ("
            "select 'schema' as kind, schema_name as name from information_schema.schemata "
            "where catalog_name = ? and schema_name = ? union all "
            "select 'table', table_name from information_schema.tables where table_catalog = ? and table_schema = ?)",
            [name, project, dataset, project, dataset],
        ).fetchone()
        assert found is not None
        if not found[0]:
            raise ServiceError(
                "notFound", f"Not found: Dataset {table.project}:{table.dataset} was not found in location {LOCATION}"
            )
        if not found[1] and not is_made:
            raise ServiceError("notFound", f"Not found: Table {table} was not found in location {LOCATION}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_stored(field: pa.Field) -> str:
    column = _quoted(field.name)
    if not pa.types.is_decimal(field.type):
        return f"{column}::timestamp" if field.type == pa.timestamp("ns") else column
    if _is_numeric(field.type):
        return f"{column}::decimal(38, 9)"
    return f"case when {column} is not null then struct_pack({_quoted(BIGNUMERIC)} := {column}) end"


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(kind.scale <= 9 and kind.precision - kind.scale <= 29)


def _plain_decimals(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, pc.cast(table.column(place), pa.string()))
    return table
