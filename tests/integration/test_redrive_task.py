"""Rejected rows again from another task of the DAG: the sync's arguments and state, a lease in its own name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from support import airflow_world

from airflow_provider_cdi import (
    RedriveRejectsOperator,
    WarehouseToBrazeOperator,
    WarehouseToKlaviyoOperator,
    mapped_sync,
    version_compat,
)
from airflow_provider_cdi.engine import watch
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.state import lease_keeper
from airflow_provider_cdi.state.lease import LEASE_KEY, Lease
from airflow_provider_cdi.transfers import warehouse_to_klaviyo
from airflow_provider_cdi.version_compat import AirflowFailException

ONE = "insert into users values ('2026-01-01 00:00:0{second}', '{who}', '{payload}')"


def dag_of(lab: Any, *, sync: dict[str, Any] | None = None, **redrive: Any) -> tuple[Any, Any]:
    """Return a sync and the task that sends its rejects again."""
    arguments = {
        "task_id": "users",
        "warehouse_conn_id": "warehouse",
        "source": "users",
        "data_type": "attributes",
        "rejects_path": f"{lab.rejects}/",
    }
    with DAG("d", schedule=None):
        users = WarehouseToBrazeOperator(**arguments | (sync or {}))
        return users, RedriveRejectsOperator(**{"task_id": "again", "sync": users} | redrive)


def execute(lab: Any, task: Any, run_id: str, **context: Any) -> dict[str, Any]:
    context = lab.world.context(run_id, **context)
    context["ti"].dag_id, context["ti"].task_id = "d", task.task_id
    task = task.prepare_for_execution()
    task.render_template_fields(context)
    return task.execute(context)


@pytest.fixture
def rejected(lab):
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    lab.sql(ONE.format(second=1, who="anna", payload="bad"), ONE.format(second=2, who="bert", payload='{"n":1}'))
    users, _ = dag_of(lab)
    assert execute(lab, users, "run-1")["rejected"] == 1
    lab.sql("update users set payload = '{\"n\":2}' where external_id = 'anna'")
    return lab


def test_it_sends_them_once_in_the_very_run_that_rejected_others(rejected):
    rejected.sql(ONE.format(second=3, who="carl", payload="[1]"), ONE.format(second=4, who="dora", payload='{"n":1}'))
    users, again = dag_of(rejected, codes="payload_not_json")
    assert execute(rejected, users, "run-2")["rejected"] == 1
    report = execute(rejected, again, "run-2")
    assert (report["sync_id"], report["mode"], report["accepted"]) == ("d.users", "rejects", 1)
    assert execute(rejected, again, "run-3")["redrive"]["taken"] == 0
    assert execute(rejected, dag_of(rejected)[1], "run-4")["redrive"]["rejected"] == 1
    assert rejected.arrivals()["received"]["external_id:anna"] == 1


def test_it_has_the_state_of_the_sync_and_leaves_the_watermark(rejected):
    users, again = dag_of(rejected)
    report = execute(rejected, again, "run-2")
    assert report["watermark"] == "2026-01-01T00:00:02.000000Z"
    assert execute(rejected, users, "run-3")["rows_read"] == 0


def test_its_lease_names_its_task_so_that_the_sync_can_ask_after_it(rejected, monkeypatch):
    held = []
    kept = rejected.world.asset.set
    monkeypatch.setattr(
        rejected.world.asset, "set", lambda key, value, **more: (held.append((key, value)), kept(key, value, **more))
    )
    execute(rejected, dag_of(rejected)[1], "run-2")
    leases = [Lease.from_json(value) for key, value in held if key == LEASE_KEY and "run_id" in value]
    assert {(lease.dag_id, lease.task_id, lease.sync_id) for lease in leases} == {("d", "again", "d.users")}


def test_a_locked_sync_lets_the_authors_own_task_through(lab):
    lab.sql("create table users as select timestamp '2026-01-01' as updated_at, 'anna' as external_id")
    _, again = dag_of(lab, sync={"data_type": "user_deletes"})
    assert execute(lab, again, "run-1")["redrive"]["taken"] == 0


def test_all_instances_of_a_mapped_sync_are_taken(lab):
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    with DAG("d", schedule=None):
        users = WarehouseToBrazeOperator.partial(
            task_id="users", warehouse_conn_id="warehouse", data_type="attributes", **mapped_sync("all_users")
        ).expand(source=["users", "main.users"])
        again = RedriveRejectsOperator(task_id="again", sync=users)
    reports = execute(lab, again, "run-1")
    assert sorted(report["sync_id"] for report in reports.values()) == ["all_users:main.users", "all_users:users"]


def test_before_airflow_3_3_it_names_the_form(rejected):
    rejected.world.version = "3.0"
    with pytest.raises(AirflowFailException, match="trigger form"):
        execute(rejected, dag_of(rejected)[1], "run-2")


class Variables:
    """Airflow's Variables."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: str, description: str | None = None) -> None:
        self.kept[key] = value


def test_before_airflow_3_3_it_shares_the_variables_of_the_sync_and_keeps_a_plan_of_its_own(lab, monkeypatch):
    variables = Variables()
    monkeypatch.setattr("airflow.sdk.Variable", variables)
    monkeypatch.setattr(version_compat, "stored_variable", variables.kept.get)
    lab.world.version = "3.0"
    lab.sql("create table users (updated_at timestamp, external_id varchar, payload varchar)")
    lab.sql(ONE.format(second=1, who="anna", payload="bad"), ONE.format(second=2, who="bert", payload='{"n":1}'))
    users, again = dag_of(lab, sync={"checkpoint": "variable"})
    assert execute(lab, users, "run-1")["rejected"] == 1
    plan = variables.kept["cdi_plan__d.users"]
    lab.sql("update users set payload = '{\"n\":2}' where external_id = 'anna'")
    report = execute(lab, again, "run-1")
    assert (report["accepted"], report["watermark"]) == (1, "2026-01-01T00:00:02.000000Z")
    assert variables.kept["cdi_plan__d.users"] == plan
    assert execute(lab, again, "run-2")["redrive"]["taken"] == 0


@pytest.mark.parametrize("run_id", ["run-2", "run-9"])
@pytest.mark.parametrize(("holder", "comes"), [("users", 1), ("again", 0)])
def test_the_sync_and_its_redrive_are_never_at_work_together(rejected, monkeypatch, holder, comes, run_id):
    monkeypatch.setattr(lease_keeper, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(lease_keeper, "WAIT_AT_MOST", 0.02)
    alive = Lease("d.users", run_id, 1, dag_id="d", task_id=holder)
    asked = []

    def looked(key: str, default: Any = None) -> Any:
        nonlocal alive
        alive = replace(alive, beats=alive.beats + 1)
        return alive.to_json() if key == LEASE_KEY else kept(key, default)

    def states(_: Any, *, dag_id: str, task_ids: list[str], run_ids: list[str], **more: Any) -> Any:
        asked.extend([(dag_id, task_id, run) for task_id in task_ids for run in run_ids])
        return {run_ids[0]: {task_ids[0]: "running"}}

    kept = rejected.world.asset.get
    monkeypatch.setattr(rejected.world.asset, "get", looked)
    monkeypatch.setattr(airflow_world._TaskInstance, "get_task_states", states)
    with pytest.raises(RetryLater, match=f"is at work elsewhere: task '{holder}', run '{run_id}'"):
        execute(rejected, dag_of(rejected)[comes], "run-2")
    assert ("d", holder, run_id) in asked
    assert "external_id:anna" not in rejected.arrivals()["received"]


def test_what_is_rejected_again_is_told_in_the_same_run_and_taken_by_the_next(rejected):
    rejected.sql("update users set payload = '[]' where external_id = 'anna'")
    again = dag_of(rejected, codes=["payload_not_json", "payload_not_object"])[1]
    report = execute(rejected, again, "run-1")
    assert (report["redrive"]["rejected"], report["rejects"]) == (1, {"payload_not_object": 1})
    rejected.sql("update users set payload = '{\"n\":2}' where external_id = 'anna'")
    assert execute(rejected, again, "run-2")["accepted"] == 1


def test_a_dry_run_of_the_dag_sends_and_marks_nothing(rejected):
    again = dag_of(rejected)[1]
    report = execute(rejected, again, "run-2", params={"dry_run": True})
    assert (report["dry_run"], report["redrive"]["taken"]) == (True, 1)
    assert execute(rejected, again, "run-3")["accepted"] == 1


def test_codes_run_and_age_may_be_templates(rejected):
    again = dag_of(
        rejected, codes="{{ params.codes }}", run_id="{{ params.rejected_in }}", older_than="{{ params.age }}"
    )[1]
    params = {"codes": "payload_not_json", "rejected_in": "run-1", "age": "0m"}
    assert execute(rejected, again, "run-2", params=params | {"age": "1h"})["redrive"]["taken"] == 0
    assert execute(rejected, again, "run-3", params=params | {"rejected_in": "other"})["redrive"]["taken"] == 0
    assert execute(rejected, again, "run-4", params=params)["redrive"]["accepted"] == 1


def test_an_age_that_a_template_makes_nonsense_fails_at_once(rejected):
    again = dag_of(rejected, older_than="{{ params.age }}")[1]
    with pytest.raises(AirflowFailException, match=r"'again'.*is 'soon'"):
        execute(rejected, again, "run-2", params={"age": "soon"})


def test_a_sync_mapped_over_what_another_task_returns_is_left_to_the_form(lab):
    with DAG("d", schedule=None):
        tables = EmptyOperator(task_id="tables")
        users = WarehouseToBrazeOperator.partial(
            task_id="users", warehouse_conn_id="warehouse", data_type="attributes", **mapped_sync("all_users")
        ).expand(source=tables.output)
        again = RedriveRejectsOperator(task_id="again", sync=users)
    with pytest.raises(AirflowFailException, match=r'mapped over source.*"Rejected rows again"'):
        execute(lab, again, "run-1")


def test_a_sync_that_defers_is_redriven_by_a_worker_that_waits(klaviyo_lab, monkeypatch):
    lab = klaviyo_lab
    # With these the sync itself defers as soon as it waits for a job.
    monkeypatch.setattr(warehouse_to_klaviyo, "PATIENCE", 0.05)
    monkeypatch.setattr(watch, "TICK", 0.05)
    lab.sandbox.change(klaviyo={"job_polls": [1, 0]})
    lab.sql("create table users (updated_at timestamp, email varchar, payload varchar)")
    lab.sql(ONE.format(second=1, who="anna@example.com", payload="bad"))
    lab.sql(ONE.format(second=2, who="bert@example.com", payload='{"first_name":"Bert"}'))
    with DAG("d", schedule=None):
        users = WarehouseToKlaviyoOperator(
            task_id="users",
            warehouse_conn_id="warehouse",
            source="users",
            data_type="profiles",
            poll_seconds=0.05,
            deferrable=False,
        )
        again = RedriveRejectsOperator(task_id="again", sync=users)
    assert execute(lab, users, "run-1")["rejected"] == 1
    users.deferrable = True
    lab.sql("""update users set payload = '{"first_name":"Anna"}' where email = 'anna@example.com'""")
    report = execute(lab, again, "run-2")
    assert (report["redrive"]["accepted"], report["accepted"]) == (1, 1)
