"""The administrator's way in: SQL of any kind, tables from Parquet files, logins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
from pyarrow import types

from standins.redshift.dialect import PRELUDE, translated
from standins.redshift.logins import Logins

_BATCH_ROWS = 50_000
#: Logins are checked in front of PostgreSQL, so its passwords must be known there too.
_PASSWORD = re.compile(r"""\s*alter\s+user\s+"((?:[^"]|"")+)"\s+password\s+'([^']*)'\s*;?\s*""", re.IGNORECASE)


class Administrator:
    """A superuser's connection.

    :param socket: the folder of PostgreSQL's Unix socket.
    """

    def __init__(self, socket: str, port: int, database: str, logins: Logins) -> None:
        self._where = {"host": socket, "port": port, "user": "postgres", "dbname": database, "autocommit": True}
        self._logins = logins

    def prepare(self, users: dict[str, str]) -> None:
        """Make Redshift's own functions and the users; what is made later may be read by all of them."""
        self._run(*PRELUDE, f'alter database "{self._where["dbname"]}" set search_path to "$user", public, redshift')
        self._run("alter default privileges grant select on tables to public")
        for user, password in users.items():
            self.add_user(user, password)
        self.empty()

    def empty(self) -> None:
        """Drop all schemas but Redshift's own, and make an empty ``public``."""
        for (schema,) in self.sql("select nspname from pg_namespace where nspname !~ '^(pg_|information_|redshift$)'"):
            self._run(f'drop schema "{schema}" cascade')
        self._run("create schema public", "grant all on schema public to public")

    def sql(self, text: str) -> list[list[Any]]:
        """Run one statement in Redshift's SQL; names in quotes keep their case."""
        with psycopg.connect(**self._where) as connection:
            cursor = connection.execute(translated(text, exact_case=True))
            if found := _PASSWORD.fullmatch(text):
                self._logins.add(found[1].replace('""', '"'), found[2])
            return [list(row) for row in cursor.fetchall()] if cursor.description else []

    def add_user(self, user: str, password: str) -> None:
        """Create a user that may log in, when it is not there."""
        if not self._logins.knows(user):
            self._run(f'create role "{user}" login')
        self._logins.add(user, password)

    def load(self, name: str, path: str) -> None:
        """Create a table from a Parquet file, replacing one that is there."""
        file = pq.ParquetFile(path)
        with psycopg.connect(**self._where) as connection:
            load_table(connection, name, file.schema_arrow, file.iter_batches(_BATCH_ROWS))

    def _run(self, *statements: str) -> None:
        with psycopg.connect(**self._where) as connection:
            for statement in statements:
                connection.execute(statement)


def load_table(connection: Any, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Create a table in PostgreSQL and copy rows into it, replacing one that is there.

    :param name: of the table, after that of its schema and a point when it is not in the usual one.
    """
    columns = ", ".join(f'"{field.name}" {_type(field.type)}' for field in schema)
    table = ".".join(f'"{part}"' for part in name.split("."))
    connection.execute(f"drop table if exists {table}; create table {table} ({columns})")
    with connection.cursor().copy(f"copy {table} from stdin (format csv)") as copy:
        for batch in batches:
            copy.write(_csv(batch))
    connection.execute(f"analyze {table}")


_TYPES = (
    (types.is_timestamp, lambda kind: "timestamptz" if kind.tz else "timestamp"),
    (types.is_date, lambda _: "date"),
    (types.is_boolean, lambda _: "boolean"),
    (types.is_int64, lambda _: "bigint"),
    (types.is_integer, lambda _: "integer"),
    (types.is_float64, lambda _: "float8"),
    (types.is_floating, lambda _: "real"),
    (types.is_decimal, lambda kind: f"numeric({kind.precision},{kind.scale})"),
    (types.is_nested, lambda _: "jsonb"),
    (types.is_binary, lambda _: "bytea"),
)


def _type(kind: pa.DataType) -> str:
    return next((name(kind) for test, name in _TYPES if test(kind)), "varchar(65535)")


def _csv(batch: pa.RecordBatch) -> memoryview:
    arrays = list(batch.columns)
    for place, array in enumerate(arrays):
        if types.is_nested(array.type):
            texts = [None if value is None else orjson.dumps(value).decode() for value in array.to_pylist()]
            arrays[place] = pa.array(texts, pa.string())
        elif types.is_binary(array.type):
            texts = [None if value is None else "\\x" + value.hex() for value in array.to_pylist()]
            arrays[place] = pa.array(texts, pa.string())
        elif types.is_timestamp(array.type) and array.type.unit == "ns":
            arrays[place] = pc.cast(array, pa.timestamp("us", tz=array.type.tz))
    sink = pa.BufferOutputStream()
    plain = pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
    csv.write_csv(plain, sink, csv.WriteOptions(include_header=False))
    return memoryview(sink.getvalue())
