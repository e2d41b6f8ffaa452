"""A DuckDB warehouse, a sandbox and an operator between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.airflow_world import AirflowWorld, make_operator

from airflow_provider_cdi.sandbox.server import SandboxServer
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


class Lab:
    """One sync and everything around it."""

    def __init__(self, folder: Path, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "warehouse.duckdb"
        self.rejects = folder / "rejects.jsonl"
        self.sandbox = sandbox
        self.world = AirflowWorld()
        self.runs = 0
        self.operator: WarehouseToBrazeOperator | None = None
        monkeypatch.setenv("AIRFLOW_HOME", str(folder))
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "duckdb", "host": str(self.path)}))
        self.connect_braze = lambda **fields: monkeypatch.setenv(
            "AIRFLOW_CONN_BRAZE_DEFAULT",
            json.dumps({"conn_type": "braze", "host": sandbox.url, "password": sandbox.key} | fields),
        )
        self.connect_braze()

    def sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def run(
        self, *, run_id: str | None = None, context: dict[str, Any] | None = None, **arguments: Any
    ) -> dict[str, Any]:
        self.runs += 1
        self.operator = make_operator(**{"rejects_path": str(self.rejects)} | arguments)
        return self.operator.execute(self.world.context(run_id or f"run-{self.runs}", **(context or {})))

    def rejected(self) -> list[dict[str, Any]]:
        if not self.rejects.exists():
            return []
        return [json.loads(line) for line in self.rejects.read_text().splitlines()]

    def arrivals(self, path: str = "/users/track") -> dict[str, Any]:
        return self.sandbox.received(path)


@pytest.fixture
def lab(tmp_path: Path, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, sandbox, monkeypatch)
