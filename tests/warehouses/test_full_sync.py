"""Operator, hook, client, warehouse, sandbox: every data type from every warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.airflow_world import AirflowWorld, make_operator
from warehouses.syncs import ROWS, SYNCS, number, table_of
from warehouses.worlds.base import World

from airflow_provider_cdi.sandbox.server import SandboxServer


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SandboxServer]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    with SandboxServer() as server:
        connection = {"conn_type": "braze", "host": server.url, "password": server.key}
        monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(connection))
        yield server


@pytest.mark.parametrize("data_type", list(SYNCS))
def test_every_row_arrives_once_and_a_second_run_sends_nothing(
    world: World, sandbox: SandboxServer, data_type: str
) -> None:
    sync = SYNCS[data_type]
    world.load("rows_to_send", sync.table)
    sandbox.create_catalog("products", n="number")
    airflow = AirflowWorld()
    operator = make_operator(warehouse_conn_id="w", source="rows_to_send", data_type=data_type, **sync.arguments)
    first = operator.execute(airflow.context("run-1"))
    assert (first["rows_read"], first["accepted"]) == (ROWS, ROWS)
    requests = sandbox.received(sync.path)["requests"]
    second = operator.execute(airflow.context("run-2"))
    assert (second["rows_read"], second["requests"]) == (0, 0)
    assert sandbox.received(sync.path)["requests"] == requests


@pytest.mark.parametrize("trouble", ["chunk_503", "chunk_slow", "drop", "expired"])
def test_trouble_in_the_middle_of_a_read_fails_no_task_and_sends_no_row_twice(
    world: World, sandbox: SandboxServer, trouble: str
) -> None:
    if trouble not in (*world.survivable, *world.fatal):
        pytest.skip(f"{world.name} has no {trouble}")
    rows = 30_000
    world.load("rows_to_send", table_of(number, rows))
    world.fault(trouble, times=1, after=1)
    report = make_operator(warehouse_conn_id="w", source="rows_to_send").execute(AirflowWorld().context())
    assert (report["rows_read"], report["accepted"]) == (rows, rows)
    received = sandbox.received("/users/track", brief=True)
    assert (received["accepted_objects"], received["distinct_accepted"]) == (rows, rows)
