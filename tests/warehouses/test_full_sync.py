"""Operator, hook, client, warehouse, sandbox: every data type from every warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.airflow_world import AirflowWorld, make_operator
from warehouses.worlds.base import World

from airflow_provider_cdi.sandbox.server import SandboxServer

START = 1_767_225_600_000_000
ROWS = 200


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SandboxServer]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    with SandboxServer() as server:
        connection = {"conn_type": "braze", "host": server.url, "password": server.key}
        monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(connection))
        yield server


def table_of(payloads: list[str] | None, rows: int = ROWS, identifier: str = "external_id") -> pa.Table:
    """Three rows share a time."""
    columns = {
        "updated_at": pa.array([START + step // 3 * 1_000_000 for step in range(rows)], pa.timestamp("us")),
        identifier: pa.array([f"c-{step:05d}" for step in range(rows)]),
    }
    return pa.table(columns if payloads is None else {**columns, "payload": pa.array(payloads)})


def event(step: int) -> str:
    return json.dumps({"name": "order", "time": "2026-01-05T09:00:00Z", "properties": {"n": step}})


def purchase(step: int) -> str:
    return json.dumps(
        {"product_id": f"p-{step}", "currency": "EUR", "price": 1.5, "time": "2026-01-05T09:00:00Z", "quantity": 1}
    )


#: Data type -> its table, its path at Braze, what else the operator is told.
SYNCS: dict[str, tuple[pa.Table, str, dict[str, Any]]] = {
    "attributes": (table_of([f'{{"n":{step}}}' for step in range(ROWS)]), "/users/track", {}),
    "events": (table_of([event(step) for step in range(ROWS)]), "/users/track", {}),
    "purchases": (table_of([purchase(step) for step in range(ROWS)]), "/users/track", {}),
    "user_deletes": (table_of(None), "/users/delete", {}),
    "catalog_items": (
        table_of([f'{{"n":{step}}}' for step in range(ROWS)], identifier="id"),
        "/catalogs/things/items",
        {"catalog": "things"},
    ),
}


@pytest.mark.parametrize("data_type", list(SYNCS))
def test_every_row_arrives_once_and_a_second_run_sends_nothing(
    world: World, sandbox: SandboxServer, data_type: str
) -> None:
    table, path, arguments = SYNCS[data_type]
    world.load("rows_to_send", table)
    if data_type == "catalog_items":
        sandbox.create_catalog("things", n="number")
    airflow = AirflowWorld()
    operator = make_operator(warehouse_conn_id="w", source="rows_to_send", data_type=data_type, **arguments)
    first = operator.execute(airflow.context("run-1"))
    assert (first["rows_read"], first["accepted"]) == (ROWS, ROWS)
    requests = sandbox.received(path)["requests"]
    second = operator.execute(airflow.context("run-2"))
    assert (second["rows_read"], second["requests"]) == (0, 0)
    assert sandbox.received(path)["requests"] == requests


@pytest.mark.parametrize("trouble", ["chunk_503", "chunk_slow", "drop", "expired"])
def test_trouble_in_the_middle_of_a_read_fails_no_task_and_sends_no_row_twice(
    world: World, sandbox: SandboxServer, trouble: str
) -> None:
    if trouble not in (*world.survivable, *world.fatal):
        pytest.skip(f"{world.name} has no {trouble}")
    rows = 30_000
    world.load("rows_to_send", table_of([f'{{"n":{step}}}' for step in range(rows)], rows))
    world.fault(trouble, times=1, after=1)
    report = make_operator(warehouse_conn_id="w", source="rows_to_send").execute(AirflowWorld().context())
    assert (report["rows_read"], report["accepted"]) == (rows, rows)
    received = sandbox.received("/users/track", brief=True)
    assert (received["accepted_objects"], received["distinct_accepted"]) == (rows, rows)
