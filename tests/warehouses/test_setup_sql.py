"""The set-up scripts in the warehouses: tables and views in all, logins and rights where the stand-in knows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standins.databricks.engine import CATALOG, SCHEMA
from standins.snowflake import ACCOUNT, new_key, pem
from support.data_types import DATA_TYPES
from support.setup_scripts import connection_of, script_of, statements_of, task_of
from support.sql_world import read
from warehouses.conftest import Worlds
from warehouses.worlds.base import World
from warehouses.worlds.bigquery import DATASET, PROJECT
from warehouses.worlds.redshift import RedshiftWorld

from airflow_provider_cdi.engine.ports import Bounds
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook
from airflow_provider_cdi.setup.sql.options import public_key_body
from airflow_provider_cdi.setup.sql.script import Script

PASSWORD = "reader-Passw0rd"
PERSON = ("7", "2026-01-05 09:00:00+00:00", '{"plan":"gold"}')
INSERT = "insert into {} (updated_at, external_id, payload) values ('2026-01-05 09:00:00', 'c-1', '{{}}')"


class Redshift:
    """A cluster in which scripts are run by a superuser, and the connection ``w`` is that of their login."""

    def __init__(self, world: RedshiftWorld) -> None:
        self.world = world

    def carry_out(self, script: Script, *, later: bool = False) -> None:
        """Run what is SQL, with the password filled in where a script asks for it."""
        for step in script.steps:
            if step.part == "sql" and step.is_later == later:
                for statement in statements_of(step):
                    self.world.run(statement.replace("<password>", f"'{PASSWORD}'"))

    def log_in(self, user: str) -> None:
        """Take the login that a script made."""
        self.world.connect(login=user, password=PASSWORD)


@pytest.fixture
def redshift(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redshift]:
    world = worlds["redshift"]
    assert isinstance(world, RedshiftWorld)
    world.begin(monkeypatch)
    # Else everybody there may read what is made.
    world.run("alter default privileges revoke select on tables from public")
    yield Redshift(world)
    world.run("alter default privileges grant select on tables to public")


def rows_of(source_name: str) -> list[dict[str, Any]]:
    contract = DATA_TYPES["braze-attributes"]().contract
    source: Any = get_warehouse_hook("w").source(source_name, contract=contract)
    return read(source)


def test_the_login_of_redshifts_script_reads_until_its_right_is_taken_back(redshift):
    script, back = script_of("redshift", user="setup_reader"), script_of("redshift", user="setup_reader", revoke=True)
    redshift.carry_out(script)
    source = task_of(script).source
    redshift.world.run(INSERT.format(source))
    redshift.log_in("setup_reader")
    assert [row["EXTERNAL_ID"] for row in rows_of(source)] == ["c-1"]
    redshift.carry_out(back)
    with pytest.raises(SourceError, match="permission"):
        rows_of(source)
    redshift.carry_out(back, later=True)
    assert redshift.world.run("select 1 from pg_roles where rolname = 'setup_reader'") == []


def test_in_redshift_the_rights_may_be_a_groups(redshift):
    asked = {"user": "group_reader", "group": "cdi_readers"}
    script, back = script_of("redshift", **asked), script_of("redshift", revoke=True, **asked)
    redshift.carry_out(script)
    redshift.log_in("group_reader")
    source = task_of(script).source
    assert rows_of(source) == []
    redshift.carry_out(back)
    with pytest.raises(SourceError, match="permission"):
        rows_of(source)
    redshift.carry_out(back, later=True)


def test_redshift_takes_no_password_that_nobody_has_filled_in(redshift):
    (step,) = [step for step in script_of("redshift").steps if "<password>" in step.text]
    with pytest.raises(Exception, match="syntax error"):
        redshift.world.run(*statements_of(step))


#: Warehouse -> where its stand-in keeps tables.
HOMES = {
    "snowflake": {"database": "CDI_DB", "schema": "INGESTION"},
    "redshift": {"schema": "public"},
    "bigquery": {"database": PROJECT, "schema": DATASET},
    "databricks": {"database": CATALOG, "schema": SCHEMA},
    "postgres": {"schema": "public"},
    "duckdb": {"schema": "main"},
}


def test_the_view_of_a_script_is_read_by_a_sync(world: World) -> None:
    world.create("people", {"customer": "integer", "changed": "timestamp_tz", "traits": "text"}, PERSON)
    columns = {"EXTERNAL_ID": "customer", "UPDATED_AT": "changed", "PAYLOAD": "traits"}
    script = script_of(world.name, view_of="people", columns=columns, **HOMES[world.name])
    (view,) = [step for step in script.steps if step.title == "The view"]
    world.run(*statements_of(view))
    (row,) = rows_of(task_of(script).source)
    assert (row["EXTERNAL_ID"], row["PAYLOAD"]) == ("7", '{"plan":"gold"}')


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_the_table_of_a_script_is_read_by_a_sync(world: World, data_type: str) -> None:
    destination, _, name = data_type.partition("-")
    script = script_of(world.name, destination, name, braze_catalog="products", **HOMES[world.name])
    (table,) = [step for step in script.steps if step.title == "The table"]
    world.run(*statements_of(table))
    contract = DATA_TYPES[data_type]().contract
    source = get_warehouse_hook("w").source(task_of(script).source, contract=contract)
    assert source.count(Bounds(), position=None, now="2026-01-05T09:00:00.000000Z").in_bounds == 0


def test_in_databricks_the_right_to_read_is_given_and_taken_back(worlds, monkeypatch):
    world = worlds["databricks"]
    world.begin(monkeypatch)
    script = script_of("databricks", user="guest", **HOMES["databricks"])
    back = script_of("databricks", user="guest", revoke=True, **HOMES["databricks"])
    (table,) = [step for step in script.steps if step.title == "The table"]
    world.run(*statements_of(table))
    source = task_of(script).source
    world.connect_as_guest(source)
    with pytest.raises(SourceError, match="permission"):
        rows_of(source)
    world.run(*[one for step in script.steps for one in statements_of(step) if one.startswith("grant select")])
    assert rows_of(source) == []
    world.run(*statements_of(back.steps[0]))
    with pytest.raises(SourceError, match="permission"):
        rows_of(source)


class Snowflake:
    """An account in which scripts are run by an administrator, and the connection that a script prints leads there."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self._stand_in = world, world.stand_in  # type: ignore[attr-defined]
        self.key_file = folder / "cdi_key.p8"
        key = new_key()
        self.key_file.write_text(pem(key, None))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = public_key_body(public.decode())

    def carry_out(self, script: Script, *, later: bool = False) -> None:
        """Run what is SQL, statement by statement."""
        for step in script.steps:
            if step.part == "sql" and step.is_later == later:
                self.world.run(*statements_of(step))

    def connect(self, script: Script) -> None:
        """Take the connection that the script prints, to this machine."""
        found = connection_of(script, SNOWFLAKE_ACCOUNT=ACCOUNT, SNOWFLAKE_KEY_FILE=str(self.key_file))
        found["extra"] |= {"host": "localhost", "port": self._stand_in.port}
        self.world.monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps(found))


@pytest.fixture
def snowflake(worlds: Worlds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Snowflake:
    world = worlds["snowflake"]
    world.begin(monkeypatch)
    return Snowflake(world, tmp_path)


@pytest.mark.parametrize("names", [{}, {"role": '"Read er"', "schema": '"In gestion"', "table": '"sel""ect"'}])
def test_the_user_of_snowflakes_script_logs_in_by_key_and_reads_until_its_right_is_taken_back(snowflake, names):
    script = script_of("snowflake", public_key=snowflake.public_key, **names)
    back = script_of("snowflake", revoke=True, **names)
    snowflake.carry_out(script)
    snowflake.carry_out(script)  # a second time does no harm
    source = task_of(script).source
    snowflake.world.run(INSERT.format(source))
    snowflake.connect(script)
    assert [row["EXTERNAL_ID"] for row in rows_of(source)] == ["c-1"]
    snowflake.carry_out(back)
    with pytest.raises(SourceError, match="may not see it"):
        rows_of(source)
    snowflake.carry_out(back, later=True)
    with pytest.raises(SourceError, match="key"):
        rows_of(source)


@pytest.mark.parametrize("right", ["on warehouse", "on database", "on schema", "select on table"])
def test_in_snowflake_no_right_of_the_script_can_be_spared(snowflake, right):
    script = script_of("snowflake", public_key=snowflake.public_key, user="spare")
    snowflake.carry_out(script)
    (granted,) = [
        one
        for step in script.steps
        for one in statements_of(step)
        if one.startswith("grant") and f" {right}" in f" {one[6:]}"
    ]
    snowflake.connect(script)
    assert rows_of(task_of(script).source) == []
    snowflake.world.run(granted.replace("grant", "revoke").replace(" to role ", " from role "))
    with pytest.raises(SourceError):
        rows_of(task_of(script).source)


def test_snowflake_takes_no_key_that_nobody_has_filled_in(snowflake):
    with pytest.raises(RuntimeError):
        snowflake.carry_out(script_of("snowflake"))
