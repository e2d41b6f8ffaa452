"""Rows that the query itself stamps, in every warehouse's own words for the time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.airflow_world import AirflowWorld, make_operator
from warehouses.worlds.base import World

from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator
from cdi_sandbox.server import SandboxServer

#: Warehouse -> its words for the time, as a column's expression.
CLOCKS = {
    "duckdb": ["current_timestamp", "now()::timestamp", "date_trunc('second', now())"],
    "postgres": [
        "now()",
        "current_timestamp",
        "statement_timestamp()",
        "clock_timestamp()",
        "localtimestamp",
        "clock_timestamp() at time zone 'UTC'",
        "date_trunc('milliseconds', now())",
        "date_trunc('second', now())",
        "cast(now() as timestamp(0))",
    ],
    "snowflake": ["current_timestamp()", "sysdate()", "date_trunc('second', sysdate())"],
    "redshift": ["sysdate", "getdate()", "date_trunc('second', sysdate)"],
    "bigquery": ["current_timestamp()", "current_datetime()", "timestamp_trunc(current_timestamp(), second)"],
    "databricks": ["current_timestamp()", "now()", "date_trunc('SECOND', current_timestamp())"],
}
CASES = [(name, clock) for name, clocks in CLOCKS.items() for clock in clocks]
NAMES = [f"{name}-{number}" for name, clocks in CLOCKS.items() for number in range(len(clocks))]
STORED = {"external_id": "text", "payload": "text"}


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SandboxServer]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    with SandboxServer() as server:
        for kind, key in (("braze", server.key), ("klaviyo", server.klaviyo.key)):
            connection = json.dumps({"conn_type": kind, "host": server.url, "password": key})
            monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", connection)
        yield server


@pytest.fixture
def world(request: pytest.FixtureRequest, worlds, monkeypatch: pytest.MonkeyPatch) -> World:
    world = worlds[request.param]
    world.begin(monkeypatch)
    return world


def fill(world: World) -> None:
    world.create("stored", STORED, *((f"c-{number}", f'{{"n":{number}}}') for number in range(20)))


@pytest.mark.parametrize(("world", "clock"), CASES, indirect=["world"], ids=NAMES)
def test_every_run_sends_the_rows_of_a_view_whose_time_is_now(
    world: World, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture, clock: str
) -> None:
    fill(world)
    world.run(f"create view v as select {clock} as updated_at, external_id, payload from stored")
    caplog.set_level(logging.WARNING)
    airflow, operator = AirflowWorld(), make_operator(warehouse_conn_id="w", source="v")
    for number in (1, 2):
        report = operator.execute(airflow.context(f"run-{number}"))
        assert (report["accepted"], report["skipped_because"], report["rejected"]) == (20, {}, 0)
        assert sum("time of the query itself" in record.message for record in caplog.records) == number
    assert set(sandbox.received("/users/track")["received"].values()) == {2}


@pytest.mark.parametrize("world", list(CLOCKS), indirect=True)
def test_rows_of_a_query_that_stamps_them_stand_beside_rows_that_keep_their_time(
    world: World, sandbox: SandboxServer
) -> None:
    fill(world)
    world.create("kept", {"updated_at": "timestamp", **STORED}, ("2026-01-01 00:00:00", "k-1", "{}"))
    clock = f"cast({CLOCKS[world.name.lower()][0]} as {world.types['timestamp']})"
    sql = f"select {clock} as updated_at, external_id, payload from stored union all select * from kept"
    airflow, operator = AirflowWorld(), make_operator(warehouse_conn_id="w", source=None, sql=sql)
    first = operator.execute(airflow.context("run-1"))
    assert (first["accepted"], first["watermark"].rstrip("0Z.")) == (21, "2026-01-01T00:00:00".rstrip("0"))
    world.run(f"insert into kept select {world.literal('timestamp', '2026-01-02 00:00:00')}, 'k-2', '{{}}'")
    assert operator.execute(airflow.context("run-2"))["accepted"] == 21
    received = sandbox.received("/users/track")["received"]
    assert (received["external_id:k-1"], received["external_id:k-2"], received["external_id:c-7"]) == (1, 1, 2)


@pytest.mark.parametrize("world", list(CLOCKS), indirect=True)
def test_klaviyo_gets_the_rows_of_a_view_whose_time_is_now_with_every_run(world: World, sandbox: SandboxServer) -> None:
    world.create("people", {"email": "text", "city": "text"}, ("a@acme-demo.io", "Lyon"), ("b@acme-demo.io", "Jeju"))
    clock = CLOCKS[world.name.lower()][0]
    world.run(f"create view v as select {clock} as updated_at, email, city from people")
    operator = make_operator(
        WarehouseToKlaviyoOperator, warehouse_conn_id="w", source="v", data_type="profiles", poll_seconds=0.05
    )
    airflow = AirflowWorld()
    assert [operator.execute(airflow.context(f"run-{number}"))["accepted"] for number in (1, 2)] == [2, 2]
