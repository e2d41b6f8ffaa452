"""PostgreSQL itself, with the driver that Airflow's provider prefers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from standins.redshift.admin import load_table
from support.postgres_server import PostgresServer, why_not
from warehouses.worlds.base import BrokenCredentials, World


class PostgresWorld(World):
    """A server without passwords, as a test of them needs nothing that Redshift's world does not show."""

    name = "postgres"
    fold = staticmethod(str.lower)
    is_observed = False
    types = {
        "timestamp": "timestamp",
        "timestamp_tz": "timestamptz",
        "text": "text",
        "json": "jsonb",
        "integer": "bigint",
        "big_integer": "numeric(38,0)",
        "decimal": "numeric(38,10)",
        "float": "float8",
        "boolean": "boolean",
        "date": "date",
        "binary": "bytea",
        "struct": "jsonb",
        "array": "bigint[]",
        "map": "jsonb",
    }
    broken_credentials = (
        BrokenCredentials("an unknown login", {"login": "nobody_here"}, "check the connection's login"),
        BrokenCredentials("no such database", {"schema": "nowhere"}, "check the connection's login"),
    )

    @contextlib.contextmanager
    def started(self) -> Iterator[World]:
        if reason := why_not():
            pytest.skip(reason)
        with PostgresServer() as self.server:
            yield self

    def clean(self) -> None:
        schemas = "select nspname from pg_namespace where nspname !~ '^(pg_|information_)'"
        self.run(*(f'drop schema "{schema}" cascade' for (schema,) in self.run(schemas)), "create schema public")
        self.run("grant all on schema public to public")

    def connection(self, **fields: Any) -> dict[str, Any]:
        usual = {"host": "127.0.0.1", "port": self.server.port, "login": "postgres", "schema": "postgres"}
        return {"conn_type": "postgres", **usual, **fields}

    def connect_in_zone(self, zone: str) -> None:
        self.connect(extra={"options": f"-c TimeZone={zone}"})

    def connect_as_guest(self, table: str) -> None:
        self.run("drop role if exists guest", "create role guest login")
        self.connect(login="guest")

    def run(self, *statements: str) -> list[list[Any]]:
        with self.server.connected() as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return [list(row) for row in cursor.fetchall()] if cursor.description else []

    def load(self, name: str, table: pa.Table) -> None:
        with self.server.connected() as connection:
            load_table(connection, name, table.schema, table.to_batches())

    def literal(self, kind: str, value: str | None) -> str:
        if value is not None and kind == "binary":
            return f"decode('{value}', 'hex')"
        if value is not None and kind == "array":
            return f"cast('{value.replace('[', '{').replace(']', '}')}' as {self.types[kind]})"
        return super().literal(kind, value)
