"""One sync on the real Airflow: its DAG file, its table, its runs, what Braze got of it, its watermark."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from scheduler.components import Components
from scheduler.databases import Databases
from scheduler.waiting import PATIENCE, until

from airflow_provider_cdi.state.assets import sync_asset

TASK = "sync"
_DAG_FILE = """\
import datetime
from airflow.sdk import DAG, Asset
from airflow.sdk import *
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow_provider_cdi.state.assets import sync_asset
from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.engine.reading.partition import partitions
from airflow_provider_cdi.operators.redrive import RedriveRejectsOperator
from airflow_provider_cdi.state.assets import mapped_sync
from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

with DAG({dag}):
    {task}
"""
#: Without a schedule, with everything that a person can do to its runs.
_DAG = {
    "schedule": None,
    "start_date": datetime(2026, 1, 1),  # noqa: DTZ001 - Airflow takes UTC, and the text is shorter in the file
    "catchup": False,
    "max_active_runs": 3,
}


class Code(str):
    """An argument that stands in the DAG file as it is."""

    def __repr__(self) -> str:
        return str(self)


class Stage:
    """One sync and everything around it. Its DAG is not paused.

    Rows have numbers here; in the warehouse and at Braze the row's ``EXTERNAL_ID`` is ``<dag_id>-<number>``.

    :param components: the running Airflow.
    :param databases: has the warehouse.
    :param dag_id: names everything.
    """

    def __init__(self, components: Components, databases: Databases, dag_id: str) -> None:
        self.components = components
        self.rest, self.sandbox = components.rest, components.sandbox
        self._databases = databases
        self.dag_id = dag_id
        self.file = components.dags / f"{dag_id}.py"
        self.sql(f"create table {dag_id} (updated_at timestamp, external_id varchar(100), payload varchar(1000))")

    # --- the DAG ----------------------------------------------------------------------------------------

    def deploy(self, *, dag: dict[str, Any] | None = None, form: str = "{name}({arguments})", **task: Any) -> Stage:
        """Write the DAG file, wait until Airflow knows it, and switch it on.

        :param dag: arguments of the DAG.
        :param form: how the task is made; ``{name}`` is the operator, ``{arguments}`` are its arguments.
        :param task: arguments of the operator.
        """
        arguments = {
            "task_id": TASK,
            "warehouse_conn_id": "warehouse",
            "source": self.dag_id,
            "data_type": "attributes",
            **task,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        call = form.format(name="WarehouseToBrazeOperator", arguments=_arguments(given))
        self.write(_DAG_FILE.format(dag=_arguments({"dag_id": self.dag_id, **_DAG, **(dag or {})}), task=call))
        self.switch(on=True)
        return self

    def write(self, text: str) -> None:
        """Put the DAG file there, all at once, and wait until Airflow has read it."""
        draft = self.file.with_suffix(".draft")
        draft.write_text(text)
        draft.rename(self.file)
        until(self._is_active, f"the DAG {self.dag_id} is read{self._import_errors()}")

    def replace(self, text: str) -> None:
        """Change the DAG file, and wait until Airflow has read the new one."""
        before = self._version()
        self.write(text)
        until(lambda: self._version() != before, f"the new {self.dag_id} is read")

    def switch(self, *, on: bool) -> None:
        """Pause the DAG or let it run."""
        self.rest.patch(f"/dags/{self.dag_id}", {"is_paused": not on})

    def _version(self) -> int:
        versions = self.rest.get(f"/dags/{self.dag_id}/dagVersions", order_by="-version_number", limit=1)
        return int(versions["dag_versions"][0]["version_number"])

    def _is_active(self) -> bool:
        known = self.rest.find(f"/dags/{self.dag_id}")
        return bool(known and not known["is_stale"])

    def _import_errors(self) -> str:
        errors = self.rest.get("/importErrors")["import_errors"]
        return "".join(f"\n{error['stack_trace']}" for error in errors if self.dag_id in error["filename"])

    def connect(self, name: str, fields: dict[str, Any]) -> None:
        """Give Airflow a connection, in the place of one that it may have under that name.

        :param fields: as Airflow's JSON form of a connection has them.
        """
        extra = fields.get("extra")
        if self.rest.find(f"/connections/{name}"):
            self.rest.delete(f"/connections/{name}")
        body = {**fields, "connection_id": name, "extra": json.dumps(extra) if extra else None}
        self.rest.post("/connections", body)

    # --- the warehouse ------------------------------------------------------------------------------------

    def insert(self, numbers: Iterable[int], at: datetime, step: timedelta = timedelta(seconds=1)) -> None:
        """Add rows.

        :param numbers: of the rows, in the order of their time.
        :param at: ``UPDATED_AT`` of the first one.
        :param step: time between two rows.
        """
        rows = [self._row(number, at + i * step) for i, number in enumerate(numbers)]
        self.sql(f"insert into {self.dag_id} values {', '.join(rows)}")

    def _row(self, number: int, at: datetime) -> str:
        return f"('{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', '{self.dag_id}-{number}', '{{\"n\": {number}}}')"

    def sql(self, statement: str) -> None:
        """Run a statement in the warehouse."""
        self._databases.execute(statement)

    # --- runs ---------------------------------------------------------------------------------------------

    def trigger(self, *, dated: bool = True, conf: dict[str, Any] | None = None) -> str:
        """Trigger the DAG as the button does, and return the id of the run.

        :param dated: whether the run gets a logical date: now.
        :param conf: what was put into the form.
        """
        logical_date = datetime.now(UTC).isoformat() if dated else None
        body = {"logical_date": logical_date, "conf": conf or {}}
        return str(self.rest.post(f"/dags/{self.dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, *, state: str = "success", **how: Any) -> dict[str, Any]:
        """Trigger the DAG, wait for the end, and return the report (empty for a failed run)."""
        return self.finish(self.trigger(**how), state=state)

    def finish(self, run_id: str, *, state: str = "success", seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait for the end of a run, and return its report (empty for a failed run)."""
        ended = until(lambda: self._ended(run_id), f"the run {run_id} of {self.dag_id} ends", seconds=seconds)
        assert ended == state, f"The run {run_id} of {self.dag_id} is {ended}, not {state}:\n{self.task_log(run_id)}"
        return self.report(run_id) or {}

    def runs(self, run_type: str | None = None) -> list[dict[str, Any]]:
        """Return the runs, the oldest first."""
        found = self.rest.get(f"/dags/{self.dag_id}/dagRuns", order_by="run_after", limit=100)["dag_runs"]
        return [run for run in found if run_type in (None, run["run_type"])]

    def instance(self, run_id: str, task: str = TASK) -> dict[str, Any]:
        """Return the task instance of a run."""
        found: dict[str, Any] = self.rest.get(self._path(run_id, task))
        return found

    def report(self, run_id: str, map_index: int = -1, task: str = TASK) -> dict[str, Any] | None:
        """Return what the task of a run returned."""
        path = f"{self._path(run_id, task)}/xcomEntries/return_value"
        found = self.rest.find(path, map_index=map_index, deserialize=True)
        return found["value"] if found else None

    def _path(self, run_id: str, task: str = TASK) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{run_id}/taskInstances/{task}"

    def clear(self, run_id: str) -> None:
        """Clear the task of a run, as the button does."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [TASK], "only_failed": False}
        self.rest.post(f"/dags/{self.dag_id}/clearTaskInstances", {**body, "reset_dag_runs": True})

    def task_log(self, run_id: str, end: int = 4_000) -> str:
        """Return the end of the task's logs.

        :param end: characters of each; 0 for all of it.
        """
        logs = self.components.home.rglob(f"dag_id={self.dag_id}/run_id={run_id}/**/*.log")
        return "\n".join(log.read_text(errors="replace")[-end:] for log in sorted(logs))

    def end(self) -> None:
        """Pause the DAG and end what still runs."""
        if not self.rest.find(f"/dags/{self.dag_id}"):
            return
        self.switch(on=False)
        for run in self.runs():
            if run["state"] in ("queued", "running"):
                self.rest.patch(f"/dags/{self.dag_id}/dagRuns/{run['dag_run_id']}", {"state": "failed"})

    def _ended(self, run_id: str) -> str | None:
        state = self.rest.get(f"/dags/{self.dag_id}/dagRuns/{run_id}")["state"]
        return state if state in ("success", "failed") else None

    # --- what came of it ------------------------------------------------------------------------------------

    def arrived(self) -> Counter[int]:
        """Return how often each row arrived at Braze since the last reset, accepted or not."""
        return self._numbers("received")

    def accepted(self) -> Counter[int]:
        """Return how often each row was accepted by Braze since the last reset."""
        return self._numbers("accepted")

    def take_accepted(self) -> Counter[int]:
        """Return how often each row was accepted by Braze, and begin to count anew; faults are gone then."""
        accepted = self.accepted()
        self.sandbox.reset()
        return accepted

    def _numbers(self, which: str) -> Counter[int]:
        beginning = f"external_id:{self.dag_id}-"
        counts = self.sandbox.received()[which]
        foreign = [name for name in counts if not name.startswith(beginning)]
        assert not foreign, f"Something else was sent: {foreign[:5]}"
        return Counter({int(name.removeprefix(beginning)): count for name, count in counts.items()})

    def record(self, part: str = "") -> dict[str, Any] | None:
        """Return the sync's record in the asset state store.

        :param part: which one, for a mapped sync: its table, partition or both.
        """
        found = self.rest.find(self.state_path(part))
        return found["value"] if found else None

    def watermark(self, part: str = "") -> datetime | None:
        """Return the watermark, None where there is none."""
        record = self.record(part)
        return datetime.fromisoformat(record["watermark"]["position"]) if record and record["watermark"] else None

    def state_path(self, part: str = "") -> str:
        """Return where the REST API has the sync's record."""
        sync_id = f"{self.dag_id}.{TASK}"
        (asset,) = self.rest.get("/assets", name_pattern=sync_asset(sync_id).name)["assets"]
        key = f"cdi_state:{sync_id}:{part}" if part else "cdi_state"
        return f"/assets/{asset['id']}/state-store/{quote(key, safe='')}"


def once(numbers: Iterable[int]) -> Counter[int]:
    """Return what :meth:`Stage.accepted` returns when each of the rows was sent once and no other was."""
    return Counter(dict.fromkeys(numbers, 1))


def _arguments(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
