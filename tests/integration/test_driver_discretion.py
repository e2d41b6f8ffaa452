"""Statements that really fail at a row's value, over every driver of a database that runs here: no value is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.leaks import VALUE, discreet, read_all
from support.postgres_server import PostgresServer, why_not
from support.sql_world import ATTRIBUTES, Database

from airflow_provider_cdi.hooks.sql.source import SqlSource
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

JSON = json.dumps({"a": VALUE})
DUCKDB = (
    "v::integer",
    "v::date",
    "v::timestamp",
    "v::timestamptz",
    "v::time",
    "v::interval",
    "v::mood",
    "v::uuid",
    "v::boolean",
    "v::decimal(10, 2)",
    "v::double",
    "v::bit",
    "v::varint",
    r"('\x' || v)::blob",
    "v::json",
    "v::struct(a int)",
    "v::int[]",
    "v::map(int, int)",
    "[v]::int[]",
    "{'a': v}::struct(a int)",
    "(j->>'a')::int",
    "json_extract(v, '$.a')",
    """json_transform_strict(j, '{"a": "INTEGER"}')""",
    "regexp_matches('x', v || '(')",
    "strptime(v, '%Y')",
    "date_trunc(v, updated_at)",
    "timezone(v, now())",
    "from_base64(v)",
    "unhex(v)",
    "error(v)",
    "v || length(v)::tinyint + 9223372036854775807",
    "1 // (length(v) - 21)",
    "(length(v) * 1000)::tinyint",
    "printf(v || '%d', 'x')",
    "v = 'O'anna.leak'",
    '"anna.leak@example.org"',
    "'anna.leak@example.org'::int",
)
SQLITE = (
    "json_extract(v, '$.a')",
    "json_extract(j, v)",
    "json(v)",
    "abs(-9223372036854775808) + length(v)",
    "v = 'O'anna.leak'",
    "v like 'x' escape v",
    "cast(x'ff' || v as text) is null + load_extension(v)",
)
POSTGRES = (
    "v::int",
    "v::bigint",
    "v::numeric",
    "v::float8",
    "v::boolean",
    "v::date",
    "v::timestamptz",
    "v::time",
    "v::interval",
    "v::uuid",
    "v::json",
    "v::jsonb",
    "v::inet",
    "v::macaddr",
    "v::money",
    "v::point",
    "v::mood",
    "v::dom",
    "v::int[]",
    "v::bit(3)",
    "v::jsonpath",
    "v::regclass",
    "v::regtype",
    "v::regrole",
    "name::regclass",
    "name::regtype",
    "name::regproc",
    "name::regnamespace",
    "name::regrole",
    "name::regconfig",
    "has_table_privilege(name, 'select')",
    "has_schema_privilege(name, 'usage')",
    "has_database_privilege(name, 'connect')",
    "has_function_privilege(name || '()', 'execute')",
    "pg_get_serial_sequence(name, name)",
    "to_tsvector(name::regconfig, v)",
    "nextval(name)",
    "(j::jsonb->>'a')::int",
    "array[v]::int[]",
    "to_timestamp(v, 'YYYY')",
    "to_number(v, '9')",
    "date_trunc(v, updated_at)",
    "now() at time zone v",
    "extract(epoch from v::timestamp)",
    "current_setting(v)",
    "set_config(v, '1', false)",
    "encode(v::bytea, v)",
    "decode(v, 'base64')",
    "regexp_replace('x', v || '(', '')",
    "boom(v)",
    "dynamic(name)",
    "1 / (length(v) - 21)",
    "v = 'O'anna.leak'",
    '"anna.leak@example.org"',
    "'anna.leak@example.org'::int",
)
#: Functions that say what they are given: as a notice, as an error, as a part of a statement.
FUNCTIONS = (
    "create function boom(x text) returns text language plpgsql as "
    "$$ begin raise notice 'see %', x; raise exception 'no %', x using detail = x, hint = x; end $$",
    "create function dynamic(x text) returns text language plpgsql as "
    "$$ begin execute 'select * from ' || x; return x; end $$",
)


TABLE = (
    "create table t (updated_at timestamp, external_id text, v text, j text, name text)",
    f"insert into t values ('2026-01-01 00:00:00', 'p', '{VALUE}', '{JSON}', 'annaleak')",
)


def query(expression: str) -> Callable[[], SqlSource]:
    text = f"select updated_at, external_id, {expression} as x from t"

    def opened() -> SqlSource:
        source = get_warehouse_hook("w", tag="dag.task").source(sql=text, contract=ATTRIBUTES, payload_columns=["x"])
        assert isinstance(source, SqlSource)
        return source

    return opened


@pytest.mark.parametrize("expression", DUCKDB)
def test_duckdb(expression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    Database("duckdb", tmp_path, monkeypatch).run("create type mood as enum ('a', 'b')", *TABLE)
    with discreet(caplog):
        read_all(query(expression))


@pytest.mark.parametrize("expression", SQLITE)
def test_sqlite(expression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    Database("sqlite", tmp_path, monkeypatch).run(*TABLE)
    with discreet(caplog):
        read_all(query(expression))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        server.run("create type mood as enum ('a', 'b')", "create domain dom as text check (value like 'x%')")
        server.run(*FUNCTIONS, *TABLE)
        yield server


@pytest.fixture(params=["psycopg 3", "psycopg 2"])
def postgres(request: pytest.FixtureRequest, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.providers.postgres.hooks.postgres.USE_PSYCOPG3", request.param == "psycopg 3")
    where = {"host": "127.0.0.1", "port": server.port, "login": "postgres", "schema": "postgres"}
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({"conn_type": "postgres", **where}))


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.usefixtures("postgres")
@pytest.mark.parametrize("expression", POSTGRES)
def test_postgresql(expression: str, caplog: pytest.LogCaptureFixture) -> None:
    with discreet(caplog):
        read_all(query(expression))
