"""The check of a sync against every stand-in: all is well, then what each of them can break."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
import sqlglot
from standins.bigquery import PROJECT
from support.checks import Found
from warehouses.conftest import WORLDS, Worlds
from warehouses.worlds.base import World

from airflow_provider_cdi import WarehouseToBrazeOperator
from airflow_provider_cdi.checks.findings import State
from airflow_provider_cdi.checks.sync import check_sync, check_warehouse
from airflow_provider_cdi.checks.warehouse.profiles import profile_of
from cdi_sandbox.server import SandboxServer

COLUMNS = {"updated_at": "timestamp", "external_id": "text", "payload": "text"}
ROWS = [(f"2026-01-0{day} 00:00:00", f"user-{day}", '{"plan": "gold"}') for day in (1, 2, 3)]
#: What the warehouse does not tell, or its stand-in does not know.
UNTOLD = {
    "duckdb": {"warehouse network", "warehouse TLS", "source privileges"},
    "redshift": {"UPDATED_AT index"},
    "bigquery": {"warehouse log-in", "UPDATED_AT index"},
    "databricks": {"source privileges", "UPDATED_AT index"},
}
EVERYWHERE = {"destination clock", "source schema"}
#: sqlglot's name of each dialect.
DIALECTS = {"gcpbigquery": "bigquery"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def braze(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key}
    monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(fields))


def check(world: World, **arguments: Any) -> Found:
    usual = {"task_id": "users", "warehouse_conn_id": "w", "source": "people", "data_type": "attributes"}
    found = Found(check_sync(WarehouseToBrazeOperator(**{**usual, **arguments})))
    assert [secret for secret in secrets_of(world) if secret in found.everything()] == []
    assert "user-1" not in found.everything()
    return found


def secrets_of(world: World) -> list[str]:
    fields = world.connection()
    extra = fields.get("extra") or {}
    texts = [fields.get("password"), extra.get("keyfile_dict"), extra.get("private_key_content")]
    return [text for text in texts if isinstance(text, str) and len(text) > 8]


def connect_with_least(world: World) -> None:
    """Take from the stand-in's login what a sync does not need, where it has more."""
    if world.name == "bigquery":
        too_much = ("tables.update", "tables.updateData", "tables.delete", "tables.setIamPolicy")
        lacks = tuple(f"bigquery.{one}" for one in too_much)
        stand_in: Any = world.stand_in  # type: ignore[attr-defined]
        key = stand_in.account(f"least@{PROJECT}.iam.gserviceaccount.com", lacks=lacks)
        world.connect(extra={"keyfile_dict": json.dumps(key)})
    if world.name == "postgres":
        world.run("drop role if exists least", "create role least login", "grant select on people to least")
        world.connect(login="least")


def test_a_good_sync_is_ticks(world: World) -> None:
    world.create("people", COLUMNS, *ROWS)
    connect_with_least(world)
    found = check(world)
    assert found.steps(State.FAILED, State.WARNING) == [], found.everything()
    assert set(found.steps(State.SKIPPED)) == UNTOLD.get(world.name, set()) | EVERYWHERE, found.everything()


def test_a_connection_is_checked_without_a_sync(world: World) -> None:
    found = Found(check_warehouse("w"))
    assert found.failed == []
    assert found.findings[-1].step == "warehouse clock"


def test_a_login_without_the_grant_fails_at_the_table(world: World) -> None:
    if world.name == "duckdb":
        pytest.skip("a file has no logins")
    world.create("people", COLUMNS, *ROWS)
    world.connect_as_guest("people")
    found = check(world)
    assert found.failed == ["source table"], found.everything()
    assert "SELECT" in found.told("source table") or "dataViewer" in found.told("source table")


def test_a_table_that_was_dropped_and_a_column_that_was_renamed_are_told(world: World) -> None:
    found = check(world)
    assert found.failed == ["source table"], found.everything()
    assert "check the name" in found.told("source table")
    world.create("people", {"changed_at": "timestamp", "external_id": "text", "payload": "text"}, *ROWS)
    found = check(world)
    assert found.failed == ["source columns"], found.everything()
    assert "no UPDATED_AT column" in found.told("source columns")


def test_credentials_that_do_not_work_fail_the_log_in_or_what_comes_before(world: World) -> None:
    for broken in world.broken_credentials[:1]:
        world.connect(variables=broken.variables, **broken.fields)
        found = check(world)
        assert found.failed == ["warehouse log-in" if world.name != "bigquery" else "warehouse compute"]
        assert broken.sentence in found.told(found.failed[0])


@pytest.mark.parametrize("name", ["snowflake", "redshift", "databricks"])
def test_a_certificate_of_an_unknown_authority_fails_the_tls_step(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world = worlds[name]
    world.begin(monkeypatch)
    (broken,) = [one for one in world.broken_credentials if "authority" in one.name]
    world.connect(variables=broken.variables, **broken.fields)
    found = check(world)
    assert found.failed == ["warehouse TLS"], found.everything()
    assert "is not believed" in found["warehouse TLS"].message
    assert found["warehouse TLS"].cure


@pytest.mark.parametrize(
    ("fault", "fields", "words"),
    [
        ("quota", {}, ("has exceeded its quota", "raise it, or wait")),
        (None, {"extra": {"warehouse": None}}, ("Nothing computes", "USAGE on it")),
    ],
    ids=["quota used up", "no warehouse"],
)
def test_snowflake_without_compute_fails_the_compute_step(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, fault: str | None, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    world = worlds["snowflake"]
    world.begin(monkeypatch)
    world.create("people", COLUMNS, *ROWS)
    world.connect(**fields)
    if fault:
        world.fault(fault, times=100)
    found = check(world)
    assert found.failed == ["warehouse compute"], found.everything()
    assert [word for word in words if word not in found.told("warehouse compute")] == []


def test_an_account_that_may_write_the_table_has_more_than_a_sync_needs(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds["bigquery"]
    world.begin(monkeypatch)
    world.create("people", COLUMNS, *ROWS)
    found = check(world)
    assert found.doubtful == ["source privileges"]
    assert "bigquery.tables.updateData on it" in found["source privileges"].message


@pytest.mark.parametrize("conn_type", sorted({"gcpbigquery", *WORLDS} - {"bigquery"}))
def test_what_a_warehouse_is_asked_about_itself_is_sql_of_its_own(conn_type: str) -> None:
    profile, names = profile_of(conn_type), {"{schema}": "s", "{table}": "t", "{relation}": '"s"."t"', "{time}": "u"}
    for asked in filter(None, (profile.compute, profile.schema, profile.excess, profile.layout)):
        text = reduce(lambda text, name: text.replace(name, names[name]), names, asked)
        assert len(sqlglot.parse(text, read=DIALECTS.get(conn_type, conn_type))) == 1
