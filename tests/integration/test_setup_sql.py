"""The set-up scripts of PostgreSQL and DuckDB, carried out: the login reads by a sync, and may do nothing else."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from support.data_types import DATA_TYPES
from support.postgres_server import PostgresServer, why_not
from support.setup_scripts import connection_of, script_of, task_of
from support.sql_world import read

from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook
from airflow_provider_cdi.setup.sql.choice import DATA_TYPES as KINDS
from airflow_provider_cdi.setup.sql.script import Script

KIND_OF = [(destination, data_type) for destination, found in KINDS.items() for data_type in found]
#: Names that an administrator may choose and SQL has a mind of its own about.
ODD: dict[str, Any] = {
    "schema": '"Or""der; drop table x --"',
    "table": '"select"',
    "user": '"O\'Brien $made$ {x}"',
    "database": "postgres",
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := why_not() or (None if shutil.which("psql") else "no psql"):
        pytest.skip(reason)
    with PostgresServer() as server:
        yield server


class Postgres:
    """The server, and whoever a script's connection logs in as."""

    def __init__(self, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self._monkeypatch = monkeypatch

    def psql(self, text: str) -> str:
        """Run a file as the superuser, up to its first error."""
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.server.port)]
        done = subprocess.run([*command, "-U", "postgres"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def connect(self, script: Script) -> dict[str, Any]:
        """Take the connection that the script prints, with this server's port."""
        found = connection_of(script, POSTGRES_HOST="127.0.0.1", POSTGRES_DATABASE="postgres")
        found["port"] = self.server.port
        self._monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(found))
        return found

    def as_login(self, connection: dict[str, Any], statement: str) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.server.port, user=connection["login"], dbname="postgres"
        ) as opened:
            opened.execute(statement)


@pytest.fixture
def postgres(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    schemas = "nspname !~ '^(pg_|information_)' and nspname <> 'public'"
    with server.connected() as connection:
        for (schema,) in connection.execute(
            f"select quote_ident(nspname) from pg_namespace where {schemas}"
        ).fetchall():
            connection.execute(f"drop schema {schema} cascade")
        for (role,) in connection.execute(
            "select quote_ident(rolname) from pg_roles where rolname !~ '^(pg_|postgres$)'"
        ).fetchall():
            connection.execute(f"drop owned by {role}; drop role {role}")
    return Postgres(server, monkeypatch)


def rows_of(script: Script, kind: str = "braze-attributes") -> list[dict[str, Any]]:
    """What a sync reads with the connection and the source that the script prints."""
    task = task_of(script)
    source: Any = get_warehouse_hook(task.warehouse_conn_id).source(task.source, contract=DATA_TYPES[kind]().contract)
    return read(source)


INSERT = "insert into {} (updated_at, external_id, payload) values ('2026-01-05', 'c-1', '{{}}')"


@pytest.mark.parametrize("names", [{}, ODD], ids=["usual names", "odd names"])
def test_the_login_of_a_script_reads_the_table_and_may_do_nothing_else(postgres, names):
    script = script_of("postgres", **names)
    shown = postgres.psql(script.as_sql())
    assert [cell.strip() for cell in shown.splitlines()[2].split("|")] == ["t", "t", "f"]
    connection = postgres.connect(script)
    schema, table = task_of(script).source.split(".")
    postgres.server.run(INSERT.format(f"{schema}.{table}"), "create schema other", "create table other.t (a int)")
    assert [row["EXTERNAL_ID"] for row in rows_of(script)] == ["c-1"]
    for refused in (
        INSERT.format(f"{schema}.{table}"),
        f"delete from {schema}.{table}",
        f"create table {schema}.mine (a int)",
        "select * from other.t",
        "create schema mine",
        "create role mine",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.as_login(connection, refused)


@pytest.mark.parametrize("names", [{}, ODD], ids=["usual names", "odd names"])
def test_what_is_taken_back_is_gone_and_at_last_the_login(postgres, names):
    script, back = script_of("postgres", **names), script_of("postgres", revoke=True, **names)
    postgres.psql(script.as_sql())
    postgres.connect(script)
    assert rows_of(script) == []
    postgres.psql(back.as_sql())
    with pytest.raises(SourceError, match="permission"):
        rows_of(script)
    postgres.psql("\n".join(step.text for step in back.steps if step.is_later))
    with postgres.server.connected() as connection:
        assert connection.execute("select count(*) from pg_roles where rolname !~ '^(pg_|postgres$)'").fetchone() == (
            0,
        )


def test_a_second_sync_may_use_the_login_of_the_first(postgres):
    first, second = script_of("postgres"), script_of("postgres", data_type="user_deletes")
    postgres.psql(first.as_sql())
    postgres.psql(second.as_sql())
    postgres.psql(second.as_sql())
    postgres.connect(second)
    assert rows_of(first) == rows_of(second, "braze-user_deletes") == []


def test_a_view_gives_the_table_the_names_of_the_contract_and_keeps_it_closed(postgres):
    postgres.server.run(
        "create schema crm",
        'create table crm.people ("Key" int, changed timestamptz, attributes jsonb)',
        """insert into crm.people values (7, '2026-01-05', '{"plan": "gold"}')""",
    )
    columns = {"EXTERNAL_ID": '"Key"', "UPDATED_AT": "changed", "PAYLOAD": "attributes"}
    script = script_of("postgres", view_of="crm.people", columns=columns)
    postgres.psql(script.as_sql())
    connection = postgres.connect(script)
    (row,) = rows_of(script)
    assert (row["EXTERNAL_ID"], json.loads(row["PAYLOAD"])) == ("7", {"plan": "gold"})
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        postgres.as_login(connection, "select * from crm.people")


def test_a_table_that_is_there_gets_the_rights_alone(postgres):
    postgres.server.run(
        "create schema mkt", "create table mkt.t (updated_at timestamptz, external_id text, payload text)"
    )
    script = script_of("postgres", schema="mkt", table="t", existing_table=True)
    assert "create table" not in script.as_sql()
    postgres.psql(script.as_sql())
    postgres.connect(script)
    assert rows_of(script) == []


@pytest.mark.parametrize(("destination", "data_type"), KIND_OF)
def test_the_script_of_every_data_type_runs_in_postgresql(postgres, destination, data_type):
    script = script_of("postgres", destination, data_type, braze_catalog="products")
    postgres.psql(script.as_sql())
    postgres.connect(script)
    assert rows_of(script, f"{destination}-{data_type}") == []


@pytest.mark.parametrize(("destination", "data_type"), KIND_OF)
def test_the_script_of_every_data_type_runs_in_duckdb(destination, data_type, tmp_path, monkeypatch):
    script = script_of(
        "duckdb", destination, data_type, database=str(tmp_path / "shop.duckdb"), braze_catalog="products"
    )
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.execute(script.as_sql())
    monkeypatch.setenv("AIRFLOW_CONN_DUCKDB_DEFAULT", json.dumps(connection_of(script)))
    assert rows_of(script, f"{destination}-{data_type}") == []


def test_in_duckdb_odd_names_work_and_the_file_is_closed_to_others(tmp_path, monkeypatch):
    file, group = tmp_path / "it's.duckdb", str(os.getgid())
    names = {"database": str(file), "group": group, "schema": '"Or""der"', "table": '"select"'}
    script = script_of("duckdb", **names)
    with duckdb.connect(str(file)) as database:
        database.execute(script.as_sql())
        database.execute(INSERT.format('"Or""der"."select"'))
    run_shell(script)
    assert mode(file) == 0o640
    monkeypatch.setenv("AIRFLOW_CONN_DUCKDB_DEFAULT", json.dumps(connection_of(script)))
    assert [row["EXTERNAL_ID"] for row in rows_of(script)] == ["c-1"]
    run_shell(script_of("duckdb", revoke=True, **names))
    assert mode(file) == 0o600


def run_shell(script: Script) -> None:
    subprocess.run(["bash", "-ec", script.only("shell")], check=True)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)
