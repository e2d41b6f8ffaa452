"""Operator, hook, client, warehouse, sandbox: every data type from every warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.airflow_world import AirflowWorld, make_operator
from warehouses.syncs import ROWS, SYNCS, number, table_of
from warehouses.worlds.base import World

from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook
from cdi_sandbox.server import SandboxServer

#: What asks for the columns or sets a session up, in each warehouse's words: no row is read for it.
READS_NOTHING = ("where 1 = 0", "DESCRIBE QUERY", "SET TIME ZONE")


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


def test_a_run_that_finds_nothing_asks_one_query_that_reads_data_and_sends_no_request(
    world: World, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.load("rows_to_send", table_of(number))
    airflow = AirflowWorld()
    operator = make_operator(warehouse_conn_id="w", source="rows_to_send")
    operator.execute(airflow.context("run-1"))
    before = sandbox.received("/users/track")["requests"]
    calls = calls_of_reader(monkeypatch)
    if world.is_observed:
        world.forget()
    report = operator.execute(airflow.context("run-2"))
    if world.is_observed:
        (count,) = filter(reads_data, world.statements())
        assert count["text"].startswith("select count(")
    else:
        assert calls == ["describe", "fetch", "fetch"]
    assert "read" not in calls
    assert (report["rows_read"], report["requests"]) == (0, 0)
    assert sandbox.received("/users/track")["requests"] == before


def calls_of_reader(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which calls of the warehouse's reader are made from now on; each is a statement."""
    hook: Any = get_warehouse_hook("w")
    kind, calls = type(hook.dialect.reader), list[str]()

    def noted(name: str) -> Any:
        call = getattr(kind, name)

        def note(*args: Any, **more: Any) -> Any:
            calls.append(name)
            return call(*args, **more)

        return note

    for name in ("describe", "fetch", "read"):
        monkeypatch.setattr(kind, name, noted(name))
    return calls


def reads_data(asked: dict[str, Any]) -> bool:
    details = asked.get("details", {})
    is_dry = details.get("described") or details.get("dry")
    asks_for_the_time = " from " not in asked["text"]
    return not is_dry and not asks_for_the_time and not any(words in asked["text"] for words in READS_NOTHING)
