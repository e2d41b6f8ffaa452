"""### Customer profiles to Klaviyo, every hour

A table of plain columns: identifiers, Klaviyo's own fields such as `FIRST_NAME` and `CITY`, and every other column is a
custom property under its own name; `LAST_ORDER___TOTAL` is `TOTAL` within `LAST_ORDER`. A NULL leaves alone what
Klaviyo has, and an import subscribes nobody.

Klaviyo imports in jobs, which take minutes when there is much to do. With `deferrable` the task gives its worker back
meanwhile, and a trigger waits for the jobs; that needs a triggerer, and before Airflow 3.2 `max_active_runs=1`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToKlaviyoOperator, sync_params

with DAG(
    dag_id="klaviyo_profiles_hourly",
    schedule="20 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["klaviyo", "profiles"],
    doc_md=__doc__,
):
    WarehouseToKlaviyoOperator(
        task_id="send_profiles",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.customers",
        data_type="profiles",
        klaviyo_conn_id="klaviyo_default",
        deferrable=True,
    )
