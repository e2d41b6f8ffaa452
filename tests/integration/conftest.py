"""A DuckDB warehouse, a sandbox and an operator between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.airflow_versions import TaskDeferred
from support.airflow_world import AirflowWorld, drop_xcom, make_operator
from support.moments import SandboxOfMoments
from support.reject_lines import lines_below

from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator


@pytest.fixture
def sandbox() -> Iterator[SandboxOfMoments]:
    with SandboxOfMoments(klaviyo={"strict": True}) as server:
        yield server


class Lab:
    """One sync and everything around it."""

    def __init__(self, folder: Path, sandbox: SandboxOfMoments, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "warehouse.duckdb"
        self.rejects = folder / "rejects"
        self.sandbox = sandbox
        self.world = AirflowWorld()
        self.runs = 0
        #: What all runs are told.
        self.arguments: dict[str, Any] = {}
        self.operator: WarehouseSyncOperator | None = None
        monkeypatch.setattr("airflow_provider_cdi.version_compat.drop_xcom", drop_xcom)
        monkeypatch.setenv("AIRFLOW_HOME", str(folder))
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "duckdb", "host": str(self.path)}))
        self.connect_braze = lambda **fields: monkeypatch.setenv(
            "AIRFLOW_CONN_BRAZE_DEFAULT",
            json.dumps({"conn_type": "braze", "host": sandbox.url, "password": sandbox.key} | fields),
        )
        self.connect_braze()
        self.connect_klaviyo = lambda **fields: monkeypatch.setenv(
            "AIRFLOW_CONN_KLAVIYO_DEFAULT",
            json.dumps({"conn_type": "klaviyo", "host": sandbox.url, "password": sandbox.klaviyo.key} | fields),
        )
        self.connect_klaviyo()

    def sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set timezone = 'UTC'")  # now() without a zone would be the machine's
            for statement in statements:
                connection.execute(statement)

    def run(
        self, *, run_id: str | None = None, context: dict[str, Any] | None = None, **arguments: Any
    ) -> dict[str, Any]:
        self.runs += 1
        self.operator = self.make(**arguments)
        return self.operator.execute(self.world.context(run_id or f"run-{self.runs}", **(context or {})))

    def make(self, **arguments: Any) -> WarehouseSyncOperator:
        return make_operator(**{"rejects_path": str(self.rejects / "run.jsonl")} | self.arguments | arguments)

    def rejected(self) -> list[dict[str, Any]]:
        return lines_below(self.rejects)

    def arrivals(self, path: str = "/users/track") -> dict[str, Any]:
        return self.sandbox.received(path)


@pytest.fixture
def lab(tmp_path: Path, sandbox: SandboxOfMoments, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, sandbox, monkeypatch)


class KlaviyoLab(Lab):
    """The same with Klaviyo behind it, and with the scheduler's part in a deferral."""

    def __init__(self, folder: Path, sandbox: SandboxOfMoments, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, sandbox, monkeypatch)
        self.klaviyo = sandbox.klaviyo
        self.deferrals: list[TaskDeferred] = []

    def make(self, **arguments: Any) -> WarehouseSyncOperator:
        defaults = {"kind": WarehouseToKlaviyoOperator, "data_type": "profiles", "poll_seconds": 0.05}
        return super().make(**defaults | arguments)

    def run_to_its_end(self, run_id: str = "run-1", *, events: Iterable[dict] = (), **arguments: Any) -> dict[str, Any]:
        """Run a deferrable operator as Airflow does, in a process of its own after each deferral.

        :param events: what triggers say instead of what they find out.
        """
        told = iter(events)
        start, goes_on = (lambda operator, context: operator.execute(context)), False
        while True:
            operator, context = (
                self.make(**{"deferrable": True} | arguments),
                self.world.context(run_id, goes_on=goes_on),
            )
            try:
                return start(operator, context)
            except TaskDeferred as deferred:
                self.deferrals.append(deferred)
                start, goes_on = self.after(deferred, next(told, None)), True

    def after(self, deferred: TaskDeferred, event: dict | None = None) -> Callable[[Any, Any], dict[str, Any]]:
        """Run the trigger of a deferral, from what is kept of it as JSON; return how the task goes on."""
        path, arguments = deferred.trigger.serialize()
        module, _, name = path.rpartition(".")
        kept = json.loads(json.dumps({"trigger": arguments, "task": deferred.kwargs}))
        trigger = getattr(import_module(module), name)(**kept["trigger"])
        said = event or asyncio.run(_first(trigger))
        return lambda operator, context: getattr(operator, deferred.method_name)(context, event=said, **kept["task"])

    def submissions(self) -> int:
        sent = [request for request in self.sandbox.requests(10_000) if request["method"] == "POST"]
        return len([request for request in sent if request["path"] == "/api/profile-bulk-import-jobs"])


async def _first(trigger: Any) -> dict[str, Any]:
    return (await anext(trigger.run())).payload


@pytest.fixture
def klaviyo_lab(tmp_path: Path, sandbox: SandboxOfMoments, monkeypatch: pytest.MonkeyPatch) -> KlaviyoLab:
    return KlaviyoLab(tmp_path, sandbox, monkeypatch)
