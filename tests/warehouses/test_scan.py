"""What a warehouse says before a read that it will scan stands in the plan; one that does not tell stops nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.airflow_world import make_operator
from warehouses.syncs import ROWS, SYNCS
from warehouses.worlds.base import World

from airflow_provider_cdi.transfers.forecast import forecast_sync
from airflow_provider_cdi.transfers.preview import Start

#: Warehouses that tell, and in whose words.
TELLING = {"bigquery": "dry run", "snowflake": "EXPLAIN"}


def test_the_bytes_of_a_scan_are_told_where_the_warehouse_tells_them(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    connection = json.dumps({"conn_type": "braze", "host": "http://127.0.0.1:9", "password": "k"})
    monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", connection)
    world.load("rows_to_scan", SYNCS["events"].table)
    operator = make_operator(warehouse_conn_id="w", source="rows_to_scan", data_type="events")
    forecast = forecast_sync(operator, Start()).to_json()
    scan = forecast["plan"]["scan"]
    assert forecast["accepted"] == ROWS
    if world.name in TELLING:
        assert scan["bytes"] is not None, scan["told"]
        assert scan["bytes"] > 0
        assert TELLING[world.name] in scan["told"]
    else:
        assert scan["bytes"] is None
        assert "does not tell" in scan["told"]
