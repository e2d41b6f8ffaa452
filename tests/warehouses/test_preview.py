"""A preview from every warehouse shows the bytes of the run that follows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.airflow_world import AirflowWorld, make_operator
from warehouses.syncs import ROWS, SYNCS
from warehouses.worlds.base import World

from airflow_provider_cdi.transfers.preview import Start, preview_sync
from cdi_sandbox.server import SandboxServer


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SandboxServer]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    with SandboxServer(log_details=True) as server:
        connection = {"conn_type": "braze", "host": server.url, "password": server.key}
        monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(connection))
        yield server


def test_the_requests_of_a_preview_are_those_of_the_run_byte_for_byte(world: World, sandbox: SandboxServer) -> None:
    world.load("rows_to_send", SYNCS["events"].table)
    operator = make_operator(warehouse_conn_id="w", source="rows_to_send", data_type="events")
    preview = preview_sync(operator, Start(), rows=ROWS)
    if world.is_observed:
        world.forget()
    part = preview_sync(operator, Start(), rows=10)
    if world.is_observed:  # the warehouse sorts no more than it has to
        assert [one["text"] for one in world.statements() if one["text"].rstrip().lower().endswith("limit 11")]
    assert [row["payload"] for row in part.rows()] == [row["payload"] for row in preview.rows()[:10]]
    assert sandbox.requests() == []
    assert operator.execute(AirflowWorld().context())["accepted"] == ROWS
    planned = sorted((one["method"], urlsplit(one["url"]).path, one["body"]) for one in preview.requests())
    assert planned == sorted((one["method"], one["path"], one["body"]) for one in sandbox.requests())
