"""### Custom events, every hour

A query instead of a table: it joins two tables and builds the payload as a struct, so nobody keeps a table of JSON.
`CronDataIntervalTimetable` gives every run an hour of its own, which makes the DAG backfillable: a backfill sends the
rows of the chosen hours again and leaves the watermark where it is; the scheduled runs send what changed since the run
before, whatever their hour.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_cdi import WarehouseToBrazeOperator, sync_params

EVENTS = """
select
    visits.customer_id as external_id,
    visits.visited_at as updated_at,
    {
        'name': 'viewed_product',
        'properties': {'product': products.id, 'title': products.title, 'device': visits.device}
    } as payload
from marketing.visits
join marketing.products on products.id = visits.product_id
"""

with DAG(
    dag_id="braze_events_hourly",
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["braze", "events"],
    doc_md=__doc__,
):
    WarehouseToBrazeOperator(
        task_id="send_events",
        warehouse_conn_id="cdi_warehouse",
        sql=EVENTS,
        data_type="events",
        braze_conn_id="braze_default",
    )
