"""The parts of a running Airflow task that the operator touches, in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator


def make_operator(
    kind: type[WarehouseSyncOperator] = WarehouseToBrazeOperator, **arguments: Any
) -> WarehouseSyncOperator:
    """Return an operator whose templates are rendered, as they are in a scheduled run without Params."""
    defaults: dict[str, Any] = {
        "task_id": "a_task",
        "warehouse_conn_id": "warehouse",
        "source": "users",
        "data_type": "attributes",
        "sync_mode": "auto",
        "since": "",
        "until": "",
        "dry_run": False,
    }
    return kind(**defaults | arguments)


class MemoryStore:
    """A task or asset state store: JSON in, JSON out."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.writes = 0
        self.refuses_with: Exception | None = None

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        if self.refuses_with is not None:
            raise self.refuses_with
        self.writes += 1
        self.kept[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


@dataclass
class AirflowWorld:
    """What outlives a task: the asset's state, each run's own store, all XComs.

    :param version: ``3.3`` has state stores, ``3.0`` has XComs alone.
    """

    version: str = "3.3"
    asset: MemoryStore = field(default_factory=MemoryStore)
    runs: dict[str, MemoryStore] = field(default_factory=dict)
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    successes: int = 0
    states: dict[str, str] = field(default_factory=dict)

    def context(
        self,
        run_id: str = "run-1",
        *,
        clear_number: int = 0,
        run_type: str = "scheduled",
        goes_on: bool = False,
        try_number: int = 1,
        map_index: int = -1,
        hostname: str | None = None,
        **more: Any,
    ) -> Any:
        """Return the context of a new try, or of one that goes on after a deferral."""
        stores = {
            "task_state_store": self.runs.setdefault(run_id, MemoryStore()),
            "asset_state_store": AnyAsset(self.asset),
        }
        for key in [key for key in self.xcoms if key[0] == run_id and not goes_on]:
            del self.xcoms[key]  # a new try starts without its own XComs
        return {
            "ti": _TaskInstance(self, run_id, map_index=map_index, try_number=try_number, hostname=hostname),
            "dag_run": SimpleNamespace(run_type=run_type, clear_number=clear_number),
            "outlet_events": AnyAsset(SimpleNamespace(extra={})),
            **(stores if self.version >= "3.3" else {}),
            **more,
        }

    def drop_xcom(self, ti: Any, key: str, run_id: str, map_index: int) -> None:
        self.xcoms.pop((run_id, key), None)


def drop_xcom(ti: Any, key: str, run_id: str, map_index: int) -> None:
    """Stand in for :func:`airflow_provider_cdi.version_compat.drop_xcom`."""
    ti.world.drop_xcom(ti, key, run_id, map_index)


class NoAsset:
    """What a task has that declares other assets alone. Before Airflow 3.3 an asset is no key of a dictionary."""

    def __getitem__(self, asset: Any) -> Any:
        raise KeyError(asset.name)


class AnyAsset:
    def __init__(self, value: Any) -> None:
        self._value = value

    def __getitem__(self, asset: Any) -> Any:
        return self._value


@dataclass
class _TaskInstance:
    world: AirflowWorld
    run_id: str
    dag_id: str = "a_dag"
    task_id: str = "a_task"
    map_index: int = -1
    try_number: int = 1
    hostname: str | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        self.world.xcoms[self.run_id, key] = json.loads(json.dumps(value))

    def xcom_pull(self, *, task_ids: str, key: str, include_prior_dates: bool, map_indexes: int | None = None) -> Any:
        found = [
            value
            for (run_id, name), value in self.world.xcoms.items()
            if name == key and (include_prior_dates or run_id == self.run_id)
        ]
        if not found:
            return None
        return found[0] if map_indexes is not None or len(found) == 1 else found

    def get_ti_count(self, **_: Any) -> int:
        return self.world.successes

    def get_task_states(self, *, task_ids: list[str], run_ids: list[str], **_: Any) -> dict[str, dict[str, str]]:
        known = {run_id: self.world.states[run_id] for run_id in run_ids if run_id in self.world.states}
        return {run_id: {task_ids[0]: state} for run_id, state in known.items()}
