"""Real DAG runs: what the operator does with Airflow's own stores, XComs, templates and asset events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.airflow_versions import with_state_stores

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.reading.partition import partitions
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.version_compat import cdi_command

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(100) as numbers(i)"""


def received(airflow):
    return set(airflow.sandbox.received()["received"])


def test_runs_follow_one_another_exactly(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("follow")
    assert airflow.run(dag).state == "success"
    assert len(received(airflow)) == 100
    airflow.sandbox.reset()
    second = airflow.run(dag)
    assert (second.state, received(airflow)) == ("success", set())
    airflow.sql("insert into users values (timestamp '2026-01-01 00:01:39', 'a tie', '{}')")
    third = airflow.run(dag)
    assert received(airflow) == {"external_id:a tie"}
    assert airflow.report(third)["accepted"] == 1


@with_state_stores
def test_a_run_without_a_logical_date_takes_part(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("dateless")
    airflow.run(dag)
    airflow.sandbox.reset()
    airflow.sql("insert into users values (timestamp '2026-02-01', 'new', '{}')")
    assert dag.test(logical_date=None).state == "success"
    assert received(airflow) == {"external_id:new"}
    airflow.sandbox.reset()
    airflow.run(dag)
    assert received(airflow) == set()


def test_conf_chooses_a_window_without_any_declared_param(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("window")
    airflow.run(dag)
    airflow.sandbox.reset()
    run = airflow.run(dag, sync_mode="window", since="2026-01-01T00:00:10", until="2026-01-01T00:00:20")
    assert received(airflow) == {f"external_id:c-{n}" for n in range(10, 20)}
    assert airflow.report(run)["moves_watermark"] is False


def test_conf_can_ask_for_a_dry_run(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("dry")
    report = airflow.report(airflow.run(dag, dry_run=True))
    assert (report["dry_run"], report["accepted"], received(airflow)) == (True, 100, set())
    assert airflow.report(airflow.run(dag))["accepted"] == 100


def test_a_full_run_sends_everything_again(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("full")
    airflow.run(dag)
    airflow.sandbox.reset()
    airflow.run(dag, sync_mode="full")
    assert len(received(airflow)) == 100


def test_a_retry_goes_on_where_the_first_try_stopped(airflow):
    airflow.sql(USERS)
    # 50 requests of 2 rows; the answers stop after 20 requests, once
    settings = DeliverySettings(max_in_flight=1, window_rows=20, retry=RetryPolicy(attempts=1))
    limits = BrazeLimits(track_objects=2)
    dag = airflow.dag("retry", delivery=settings, limits=limits, retries=1, retry_delay=timedelta(0))
    airflow.sandbox.set_faults({"kind": "answer", "status": 503, "path": "/users/track", "after": 20, "times": 1})
    run = airflow.run(dag)
    assert run.state == "success"
    accepted = airflow.sandbox.received()["accepted"]
    assert len(accepted) == 100
    assert airflow.report(run)["rows_read"] == 100


def test_a_stop_error_fails_the_task_without_a_retry(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("stop", source="no_such_table", retries=3)
    run = airflow.run(dag)
    (instance,) = run.get_task_instances()
    assert (run.state, instance.try_number) == ("failed", 1)


def test_a_run_whose_connection_is_gone_names_the_syncs_of_its_dag_that_use_it(airflow, capsys, caplog):
    dag = airflow.dag("gone", warehouse_conn_id="deleted", retries=3)
    run = airflow.run(dag)
    (instance,) = run.get_task_instances()
    assert (run.state, instance.try_number) == ("failed", 1)
    said = caplog.text + "".join(capsys.readouterr())
    assert "In this DAG it is used by sync (warehouse)." in said
    assert f"`{cdi_command('connections')} --conn-id deleted`" in said


def test_every_successful_run_emits_an_asset_event_with_the_numbers(airflow):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    airflow.sql(USERS)
    run = airflow.run(airflow.dag("events"))
    with create_session() as session:
        event = session.query(AssetEvent).filter_by(source_run_id=run.run_id, source_dag_id="events").one()
    assert event.extra["accepted"] == 100


def test_a_dry_run_and_a_failed_run_make_no_asset_event(airflow):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    airflow.sql(USERS, "insert into users values (timestamp '2026-01-02', 'bad', 'x')")
    dag = airflow.dag("silent", max_reject_percent=0.5)
    assert airflow.run(dag).state == "failed"
    assert airflow.run(dag, dry_run=True).state == "success"
    with create_session() as session:
        assert session.query(AssetEvent).filter_by(source_dag_id="silent").count() == 0


def test_a_run_that_fails_by_its_bound_leaves_its_report_as_an_xcom(airflow):
    airflow.sql(USERS, "insert into users values (timestamp '2026-01-02', 'bad', 'x')")
    run = airflow.run(airflow.dag("bound", max_reject_percent=0.5))
    report = airflow.report(run, key="report")
    assert (run.state, report["accepted"], report["rejected"]) == ("failed", 100, 1)


def test_a_mapped_sync_keeps_a_watermark_for_each_partition(airflow):
    airflow.sql(USERS)
    dag = airflow.mapped_dag("mapped_partitions", partition=partitions(3))
    assert airflow.run(dag).state == "success"
    assert len(received(airflow)) == 100
    airflow.sandbox.reset()
    airflow.sql("insert into users select timestamp '2026-02-01', 'new-' || i, '{}' from range(9) as numbers(i)")
    airflow.run(dag)
    assert received(airflow) == {f"external_id:new-{n}" for n in range(9)}
    airflow.sandbox.reset()
    airflow.run(dag)
    assert received(airflow) == set()


def test_mapped_tasks_write_their_rejects_into_files_of_their_own(airflow):
    airflow.sql(USERS, "update users set payload = 'bad' where external_id not like '%9'")
    airflow.run(airflow.mapped_dag("mapped_rejects", partition=partitions(3)))
    files = sorted(airflow.rejects.iterdir())
    assert [file.name.rsplit(".", 3)[1] for file in files] == ["0", "1", "2"]
    assert sum(len(file.read_text().splitlines()) for file in files) == 90


def test_mapped_tables_never_take_each_others_watermark(airflow):
    airflow.sql(USERS, "create table later as select * replace (updated_at + interval 1 day as updated_at) from users")
    airflow.sql("update later set external_id = 'l-' || external_id")
    dag = airflow.mapped_dag("mapped_tables", source=["later", "users"])
    airflow.run(dag)
    assert len(received(airflow)) == 200
    airflow.sandbox.reset()
    airflow.sql("insert into users values (timestamp '2026-01-01 00:05:00', 'between', '{}')")
    airflow.run(dag)
    assert received(airflow) == {"external_id:between"}


@with_state_stores
def test_clearing_a_finished_run_replays_it_and_leaves_the_watermark(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("cleared")
    first = airflow.run(dag)
    airflow.sql("insert into users values (timestamp '2026-02-01', 'later', '{}')")
    airflow.run(dag)
    airflow.sandbox.reset()
    assert airflow.clear_and_run(dag, first) == "success"
    assert received(airflow) == {f"external_id:c-{n}" for n in range(100)}
    airflow.sandbox.reset()
    airflow.run(dag)
    assert received(airflow) == set()


def test_a_backfill_sends_its_interval_and_leaves_the_watermark(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("backfilled")
    airflow.run(dag)
    airflow.sandbox.reset()
    start = datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert airflow.backfill(dag, start, start + timedelta(seconds=5)) == "success"
    assert received(airflow) == {f"external_id:c-{n}" for n in range(10, 15)}
    airflow.sandbox.reset()
    airflow.run(dag)
    assert received(airflow) == set()


def test_a_gate_fails_a_run_without_a_retry_and_who_triggers_the_dag_lets_the_next_one_pass(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("gated", params=sync_params(), max_rows=99, retries=3)
    run = airflow.run(dag)
    (instance,) = run.get_task_instances()
    assert (run.state, instance.try_number) == ("failed", 1)
    assert (instance.xcom_pull(task_ids="sync", key="report")["status"], received(airflow)) == ("guarded", set())
    assert airflow.report(airflow.run(dag, pass_gates=True))["accepted"] == 100
    assert airflow.run(dag).state == "success"
