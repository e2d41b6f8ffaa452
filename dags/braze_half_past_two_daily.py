"""### Customer attributes at half past two in Berlin, summer and winter

The schedule follows the clock of a place: 02:30 in Berlin is 01:30 UTC in winter and 00:30 UTC in summer. On the day on
which that clock is put forward there is no 02:30, and the run comes at 03:30; on the day on which it is put back there
are two, and the run comes at the second. Each day has one run, and no row is lost or sent twice: a run sends what came
since the run before, however long that is ago. "Docs: Schedules, the days on which clocks change" has the table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_cdi import WarehouseToBrazeOperator, sync_params

with DAG(
    dag_id="braze_half_past_two_daily",
    # CronDataIntervalTimetable runs at the same moments, and gives each run the time since the run before as interval.
    schedule=CronTriggerTimetable("30 2 * * *", timezone="Europe/Berlin"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["braze", "attributes"],
    doc_md=__doc__,
):
    WarehouseToBrazeOperator(
        task_id="send_attributes",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.users_attributes",
        data_type="attributes",
        braze_conn_id="braze_default",
    )
