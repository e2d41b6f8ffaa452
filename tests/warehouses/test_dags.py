"""The example DAG of each warehouse, run by Airflow itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.airflow_versions import DagBag, register
from warehouses.conftest import Worlds
from warehouses.syncs import KLAVIYO_TABLES, ROWS, SYNCS
from warehouses.worlds.base import World

from cdi_sandbox.server import SandboxServer

FOLDER = Path(__file__).parents[2] / "dags"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    with SandboxServer(klaviyo={"strict": True}) as server:
        server.create_catalog("products", n="number")
        for vendor, key in {"braze": server.key, "klaviyo": server.klaviyo.key}.items():
            connection = {"conn_type": vendor, "host": server.url, "password": key}
            monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(connection))
        yield server


def begin(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Empty a warehouse, and make it the one of the example DAGs."""
    world.begin(monkeypatch)
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}_DEFAULT", json.dumps(world.connection()))
    return world


def loaded(dag_id: str) -> Any:
    """Load an example DAG."""
    dag: Any = DagBag(dag_folder=str(FOLDER / f"{dag_id}.py")).dags[dag_id]
    for task in dag.tasks:
        task.retries = 0  # a failure shows at once
    register(dag)
    return dag


def start_over(dag_id: str) -> None:
    """Run an example DAG as if for the first time: the database outlives a test, and so does a sync in it."""
    run = loaded(dag_id).test(logical_date=datetime(2026, 2, 1, tzinfo=UTC), run_conf={"sync_mode": "full"})
    assert run.state == "success"


@pytest.mark.parametrize("name", ["snowflake", "redshift", "bigquery", "databricks"])
def test_the_warehouses_dag_sends_all_data_types(
    name: str,
    worlds: Worlds,
    sandbox: SandboxServer,
    airflow_database: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = begin(worlds[name], name, monkeypatch)
    dag = loaded(f"{name}_to_braze")
    for task in dag.tasks:
        world.load_into_schema(*task.source.split("."), SYNCS[task.data_type].table)
    assert dag.test(logical_date=None).state == "success"
    paths = ("/users/track", "/users/delete", "/catalogs/products/items")
    assert [sandbox.received(path, brief=True)["accepted_objects"] for path in paths] == [3 * ROWS, ROWS, ROWS]


@pytest.fixture
def databricks(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> World:
    """Databricks, with the schema that Klaviyo's own import reads and no other."""
    world = begin(worlds["databricks"], "databricks", monkeypatch)
    for name, table in KLAVIYO_TABLES.items():
        world.load_into_schema("KLAVIYO_IMPORT_FROM_DWH", name, table)
    return world


def test_databricks_dag_brings_profiles_and_events_to_klaviyo(
    databricks: World, sandbox: SandboxServer, airflow_database: None
) -> None:
    start_over("databricks_to_klaviyo")
    held = sandbox.klaviyo.state()
    assert (held["profiles"], held["events"], held["dropped"]) == (ROWS, ROWS, {})
    profile = sandbox.klaviyo.profile(email="c-00007@acme-demo.io")
    assert profile is not None
    assert (profile["external_id"], profile["first_name"], profile["location"]) == ("c-00007", "Ada", {"city": "Lyon"})
    assert profile["properties"] == {"tier": "gold", "last_order": {"total": 7.5}}
    (event,) = sandbox.klaviyo.events(email="c-00007@acme-demo.io")
    expected = {"metric": "Placed Order", "unique_id": "o-7", "value": 7.5, "value_currency": "EUR"}
    assert {name: event[name] for name in expected} == expected
    assert event["time"].startswith("2026-01-05T09:07:00")
    assert event["properties"] == {"product": "p-7", "shipping": {"city": "Lyon"}}


def test_databricks_dag_sends_what_came_since_and_only_that_sets_off_flows(
    databricks: World, sandbox: SandboxServer, airflow_database: None
) -> None:
    start_over("databricks_to_klaviyo")
    databricks.run(
        "update KLAVIYO_IMPORT_FROM_DWH.PROFILES set updated_at = timestamp_ntz '2026-02-01 00:00:00', tier = 'basic' "
        "where external_id = 'c-00007'",
        "insert into KLAVIYO_IMPORT_FROM_DWH.ORDERS select timestamp_ntz '2026-02-01 00:00:00', ordered_at, email, "
        "'o-late', total, currency, product, shipping___city from KLAVIYO_IMPORT_FROM_DWH.ORDERS "
        "where order_id = 'o-7'",
    )
    assert loaded("databricks_to_klaviyo").test(logical_date=datetime(2026, 2, 2, tzinfo=UTC)).state == "success"
    assert [job["total"] for job in sandbox.klaviyo.jobs() if job["kind"] == "import"] == [ROWS, 1]
    flows = [event["unique_id"] for event in sandbox.klaviyo.events() if not event.get("backfill")]
    assert flows == ["o-late"]
