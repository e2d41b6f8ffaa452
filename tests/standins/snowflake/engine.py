"""The engine under the stand-in: one DuckDB database on disk, and what Snowflake would know about its objects."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path as File

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from standins.snowflake import faults
from standins.snowflake.column_types import WireColumn, declared, wire_column
from standins.snowflake.names import Path, decoded, encoded, folded, relation, schema_of
from standins.snowflake.translation import Context, Translated, bind, parse, translate

DDL = (exp.Create, exp.Drop)
#: Without a transaction they do nothing, and say no word about it.
ENDS = (exp.Commit, exp.Rollback)
#: Is handed what interrupts a statement; raises when the statement is not to go on.
Watch = Callable[[duckdb.DuckDBPyConnection], None]


class Engine:
    """Runs Snowflake's statements.

    :param folder: where the database and its temporary files go.
    """

    def __init__(self, folder: File) -> None:
        config = {"memory_limit": "400MB", "threads": "2", "temp_directory": str(folder / "spill")}
        self._db = duckdb.connect(str(folder / "engine.duckdb"), config=config)
        self._db.execute("SET TimeZone = 'UTC'")
        self._db.execute("CREATE MACRO utc_now() AS timezone('UTC', now())")
        # JSON that is text already stays as it is: to_json would write its numbers with sixteen digits.
        kept = "CASE WHEN typeof(value) = 'JSON' THEN value::VARCHAR ELSE to_json(value)::VARCHAR END"
        self._db.execute(f"CREATE MACRO kept_json(value) AS CAST({kept} AS JSON)")
        self._db.execute("CREATE MACRO shown_json(value) AS json_pretty(to_json(value))")
        self._catalog: dict[Path, dict[str, exp.DataType]] = {}
        self._lock = threading.Lock()

    @property
    def paths(self) -> list[Path]:
        """All tables and views."""
        return list(self._catalog)

    def translated(self, text: str, context: Context, bindings: dict[str, dict[str, str]] | None = None) -> Translated:
        """Parse and translate one statement.

        :raises SnowflakeError: when Snowflake would refuse to compile it.
        """
        return translate(bind(parse(text), bindings), context, self._catalog)

    def run(self, statement: Translated, context: Context, watch: Watch) -> Result:
        """Start a query, or carry a change out.

        :param watch: is handed what interrupts the statement, before it starts and again before each batch.
        :raises SnowflakeError: when the data do not fit the statement.
        """
        connection = self._db.cursor()
        connection.execute(f"SET TimeZone = '{context.zone}'")
        watch(connection)
        try:
            if isinstance(statement.tree, exp.Query):
                return Result(connection, connection.sql(statement.sql).to_arrow_reader(2048), statement, watch)
            return self._changed(connection, statement)
        except duckdb.Error as error:
            raise as_snowflake(error) from None

    def describe(self, statement: Translated) -> list[WireColumn]:
        """Say what columns a query has, reading nothing."""
        with self._db.cursor() as connection:
            try:
                schema = connection.sql(f"SELECT * FROM ({statement.sql}) LIMIT 0").to_arrow_reader(1).schema
            except duckdb.Error as error:
                raise as_snowflake(error) from None
        return wire_columns(schema, statement)

    def load(self, path: Path, parquet: File) -> None:
        """Make a table of a Parquet file; its plain names become upper case, as in a CREATE TABLE without quotes.

        A timestamp column is a ``TIMESTAMP_NTZ(9)``, or with a zone a ``TIMESTAMP_LTZ(9)``, whatever its unit:
        one in microseconds may hold the year 9999, one in nanoseconds ends in 2262.
        """
        kinds = {field.name: declared(field.type) for field in pq.read_schema(parquet)}
        columns = ", ".join(
            f'"{name}"{"::TIMESTAMPTZ_NS" if kind.this is exp.DataType.Type.TIMESTAMPLTZ else ""} '
            f'AS "{encoded(folded(name))}"'
            for name, kind in kinds.items()
        )
        database, schema, _ = path
        with self._lock, self._db.cursor() as connection:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema_of(database, schema)}"')
            source = str(parquet).replace("'", "''")
            connection.execute(f"CREATE OR REPLACE TABLE {relation(path)} AS SELECT {columns} FROM '{source}'")
            self._catalog[path] = {folded(name): kind for name, kind in kinds.items()}

    def clean(self) -> None:
        """Drop every table and view."""
        with self._lock, self._db.cursor() as connection:
            for database, schema in {path[:2] for path in self._catalog}:
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema_of(database, schema)}" CASCADE')
            self._catalog.clear()

    def _changed(self, connection: duckdb.DuckDBPyConnection, statement: Translated) -> Result:
        tree = statement.tree
        if isinstance(tree, exp.Transaction):
            raise NotImplementedError("This stand-in knows no transactions: a rollback would undo nothing.")
        if isinstance(tree, ENDS):
            return Result(connection, _answer(), statement)
        with self._lock:
            if isinstance(tree, exp.Create):
                database, schema, _ = statement.reads[0]
                connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema_of(database, schema)}"')
            counted = connection.execute(statement.sql).fetchall()
            if isinstance(tree, DDL):
                self._note(connection, statement)
        if isinstance(tree, DDL):
            return Result(connection, _answer(), statement)
        return Result(connection, _answer(rows=counted[0][0] if counted else 0), statement)

    def _note(self, connection: duckdb.DuckDBPyConnection, statement: Translated) -> None:
        path, tree = statement.reads[0], statement.tree
        if isinstance(tree, exp.Drop):
            self._catalog.pop(path, None)
            return
        columns = {column.name: column.args["kind"] for column in tree.find_all(exp.ColumnDef)}
        if not columns:
            schema = connection.sql(f"SELECT * FROM {relation(path)} LIMIT 0").to_arrow_reader(1).schema
            columns = {
                name: _known(statement.kinds.get(name)) or declared(field.type)
                for name, field in ((decoded(field.name), field) for field in schema)
            }
        self._catalog[path] = columns


class Result:
    """What a statement returns: batches, and the columns as the client is told about them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        reader: pa.RecordBatchReader,
        statement: Translated,
        watch: Watch = lambda _connection: None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._watch = watch
        self.columns = wire_columns(reader.schema, statement)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stream the rows.

        :raises SnowflakeError: when a value does not fit, or the statement is interrupted.
        """
        try:
            for batch in self._reader:
                self._watch(self._connection)
                yield batch
        except (duckdb.Error, pa.ArrowException) as error:
            raise as_snowflake(error) from None
        finally:
            self._connection.close()


def wire_columns(schema: pa.Schema, statement: Translated) -> list[WireColumn]:
    """Describe the columns of a result."""
    names = [decoded(field.name) for field in schema]
    return [
        wire_column(name, field.type, _known(statement.kinds.get(name)))
        for name, field in zip(names, schema, strict=True)
    ]


def as_snowflake(error: Exception) -> faults.SnowflakeError:
    """Say in Snowflake's words what the engine refused."""
    words = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).splitlines()[0])
    if "interrupt" in str(error).lower():
        return faults.cancelled()
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        return faults.bad_syntax(words)
    return faults.bad_value(words)


def _answer(**counted: int) -> pa.RecordBatchReader:
    """Return the one row that a change is answered with."""
    row = counted or {"status": "Statement executed successfully."}
    answer = pa.table({name: [value] for name, value in row.items()})
    return pa.RecordBatchReader.from_batches(answer.schema, answer.to_batches())


def _known(kind: exp.DataType | None) -> exp.DataType | None:
    return None if kind is None or kind.this is exp.DataType.Type.UNKNOWN else kind
