"""What is chosen for a run, and backfills of plain schedules, through Airflow's own Params, DAG runs and timetables."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import Param
from support.airflow_versions import ParamValidationError

from airflow_provider_cdi.transfers.params import sync_params

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = """create table users as select timestamp '2026-01-01' + interval (i) hour as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(100) as numbers(i)"""


def received(airflow):
    return set(airflow.sandbox.received()["received"])


@pytest.mark.parametrize("params", [None, sync_params()], ids=["no form", "form"])
@pytest.mark.parametrize(
    "conf",
    [
        {"dry_run": "ture"},
        {"sync_mode": "everything"},
        {"since": "2026-01-01T00:00:00Z", "sync_mode": "full"},
        {"since": "2026-01-03T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
        {"dryrun": True},
    ],
    ids=["word", "mode", "contradiction", "reversed", "misspelt"],
)
def test_a_choice_that_is_not_understood_sends_nothing(airflow, conf, params):
    airflow.sql(USERS)
    dag = airflow.dag(f"not_understood_{len(str(conf))}_{params is None}", params=params)
    # With the form, Airflow itself refuses a word that its schema does not know, before there is a run.
    is_refused_by_form = params and set(conf) <= {"dry_run", "sync_mode"}
    with pytest.raises((ParamValidationError, ValueError)) if is_refused_by_form else nullcontext():
        assert airflow.run(dag, **conf).state == "failed"
    assert received(airflow) == set()


@pytest.mark.parametrize("params", [None, sync_params()], ids=["no form", "form"])
def test_bounds_alone_send_a_window(airflow, params):
    airflow.sql(USERS)
    dag = airflow.dag(f"bounds_{params is None}", params=params)
    run = airflow.run(dag, since="2026-01-01T10:00:00Z", until="2026-01-01T12:00:00Z")
    assert received(airflow) == {"external_id:c-10", "external_id:c-11"}
    assert airflow.report(run)["moves_watermark"] is False


@pytest.mark.parametrize("params", [None, sync_params()], ids=["no form", "form"])
def test_what_airflow_does_not_hand_on_stops_the_run(airflow, params, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS", "False")
    airflow.sql(USERS)
    dag = airflow.dag(f"not_handed_on_{params is None}", params=params)
    assert (airflow.run(dag, dry_run=True).state, received(airflow)) == ("failed", set())
    assert airflow.run(dag).state == "success"
    assert len(received(airflow)) == 100


def test_a_param_of_the_dags_own_is_not_read(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("own_param", params={"since": Param("2026-01-02T00:00:00Z"), "sync_mode": "quick"})
    report = airflow.report(airflow.run(dag, since="2026-01-03T00:00:00Z"))
    assert (report["mode"], report["accepted"]) == ("incremental", 100)


def test_a_locked_task_takes_no_choice(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("locked", lock_run_choices=True)
    assert (airflow.run(dag, sync_mode="full").state, received(airflow)) == ("failed", set())
    assert airflow.report(airflow.run(dag, dry_run=True))["dry_run"] is True
    assert received(airflow) == set()


@pytest.mark.parametrize(
    ("schedule", "ticks", "hours"),
    [
        ("@hourly", (datetime(2026, 1, 2, 3, tzinfo=UTC),), range(26, 27)),
        ("0 */6 * * *", (datetime(2026, 1, 2, 6, tzinfo=UTC), datetime(2026, 1, 2, 12, tzinfo=UTC)), range(24, 36)),
        (timedelta(hours=2), (datetime(2026, 1, 2, tzinfo=UTC),), range(22, 24)),
        ("30 2 * * *", (datetime(2026, 1, 3, 2, 30, tzinfo=UTC),), range(27, 51)),
    ],
    ids=["preset", "cron", "timedelta", "daily"],
)
def test_a_backfill_of_a_plain_schedule_sends_the_rows_since_the_tick_before(airflow, schedule, ticks, hours):
    airflow.sql(USERS)
    dag = airflow.dag(f"backfill_{hours.start}", schedule=schedule, params=sync_params())
    for tick in ticks:
        assert airflow.backfill(dag, tick, tick) == "success"
    assert received(airflow) == {f"external_id:c-{hour}" for hour in hours}


@pytest.mark.parametrize("conf", [{"since": "2026-01-01T00:00:00Z"}, {"sync_mode": "full"}], ids=["since", "full"])
def test_a_backfill_refuses_what_each_of_its_runs_would_do_again(airflow, conf):
    airflow.sql(USERS)
    dag = airflow.dag(f"refused_{'_'.join(conf)}", schedule="@hourly", params=sync_params())
    tick = datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert (airflow.backfill(dag, tick, tick, conf), received(airflow)) == ("failed", set())
