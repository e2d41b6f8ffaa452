"""This package's operators as a task runs them, with what surrounds a task in memory."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from speed_tables import TABLE

Job = dict[str, Any]
_OF_KLAVIYO = {"profiles": "profiles", "klaviyo_events": "events"}


def sync(job: Job) -> Callable[[], dict[str, Any]]:
    """Return one run of a new sync: everything that is in the table."""
    world, operator = _ready(job)

    def run() -> dict[str, Any]:
        report = operator().execute(world.context())
        return {**_told(report), **_state(world)}

    return run


def nothing_new(job: Job) -> Callable[[], dict[str, Any]]:
    """Deliver everything, and return the run after it, which finds nothing: its statements and its requests."""
    world, operator = _ready(job)
    statements = _noted_statements()

    # The first run happens within the measured function too: the process is to be idle before it.
    def run() -> dict[str, Any]:
        operator().execute(world.context())
        before, statements[:] = _requests(job), []
        report = operator().execute(world.context("run-2"))
        reads = [text for text in statements if TABLE in text]
        return {
            **_told(report),
            "statements": len(statements),
            "statements_on_table": len(reads),
            "requests_for_nothing": _requests(job) - before,
        }

    return run


def _ready(job: Job) -> tuple[Any, Callable[[], Any]]:
    """Import what a task imports, the vendor's modules included; an idle task has it in memory."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    for name, connection in _connections(job).items():
        os.environ[f"AIRFLOW_CONN_{name}"] = json.dumps(connection)
    import airflow.sdk  # noqa: F401
    from support.airflow_world import AirflowWorld

    from airflow_provider_cdi.hooks.warehouse import get_warehouse_hook

    import_module("duckdb")
    get_warehouse_hook("warehouse", tag="bench.speed")
    world = AirflowWorld(asset=_measured_store(), runs={"run-1": _measured_store()})
    return world, lambda: _operator(job)


def _connections(job: Job) -> dict[str, Any]:
    warehouse = {"conn_type": "duckdb", "host": job["database"], "extra": {"read_only": True}}
    braze = {"conn_type": "braze", "host": job["url"], "password": "sandbox-key"}
    klaviyo = {"conn_type": "klaviyo", "host": job["url"], "password": "pk_sandbox"}
    return {"WAREHOUSE": warehouse, "BRAZE_DEFAULT": braze, "KLAVIYO_DEFAULT": klaviyo}


def _operator(job: Job) -> Any:
    from support.airflow_world import make_operator

    from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
    from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
    from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

    data_type = job["data_type"]
    if data_type in _OF_KLAVIYO:
        return make_operator(WarehouseToKlaviyoOperator, source=TABLE, data_type=_OF_KLAVIYO[data_type])
    more: dict[str, Any] = {"delivery": _whole_limit()} if job.get("whole_limit") else {}
    if data_type == "user_deletes":
        more["delete_cap"] = DeleteCap(rows=None, percent=None)
    if data_type == "catalog_items":
        more["catalog"] = "products"
    return make_operator(WarehouseToBrazeOperator, source=TABLE, data_type=data_type, **more)


def _whole_limit() -> Any:
    """Return settings that take the whole limit which the answers show."""
    from airflow_provider_cdi.engine.settings import DeliverySettings

    known = {field.name for field in fields(DeliverySettings)}
    return DeliverySettings(**({"rate_share": 1.0} if "rate_share" in known else {"requests_per_second": 1_000}))


def _measured_store() -> Any:
    from support.airflow_world import MemoryStore

    class MeasuredStore(MemoryStore):
        """Remembers how large the largest value was."""

        largest = 0

        def set(self, key: str, value: Any, **more: Any) -> None:
            super().set(key, value, **more)
            self.largest = max(self.largest, len(self.kept[key]))

    return MeasuredStore()


def _told(report: dict[str, Any]) -> dict[str, Any]:
    return {"accepted": report["accepted"], "report_seconds": report["seconds"]}


def _state(world: Any) -> dict[str, int]:
    stores = [world.asset, *world.runs.values()]
    return {
        "checkpoints": sum(store.writes for store in stores),
        "state_bytes": max(getattr(store, "largest", 0) for store in stores),
    }


def _requests(job: Job) -> int:
    with urllib.request.urlopen(f"{job['url']}/_counts") as answer:
        return int(json.load(answer)["requests"])


def _noted_statements() -> list[str]:
    """Note every statement that DuckDB is asked from now on."""
    from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

    noted: list[str] = []
    connect = DuckDBHook.get_conn

    class Noting:
        """A connection, or a cursor of it."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def execute(self, text: str, *values: Any) -> Any:
            noted.append(text)
            return self._connection.execute(text, *values)

        def cursor(self) -> Noting:
            return Noting(self._connection.cursor())

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    DuckDBHook.get_conn = lambda hook: Noting(connect(hook))
    return noted
