"""### Databricks to Klaviyo, every hour

What Klaviyo's own import does for accounts that pay for it: profiles and events from the schema
`KLAVIYO_IMPORT_FROM_DWH`. The login only reads; there is no `KLAVIYO_TMP`.

The columns of `PROFILES` have the names of the contract. Those of `ORDERS` have names of their own, so `columns` says
which is which; all its rows are one metric, and its other columns are properties of the event. `LOADED_AT` says when a
row came into the table. It is another column than the time of the order, because an order that is loaded late would be
missed otherwise. What the first run finds is recorded without setting off flows.

Profiles go first, so that the events find them. Klaviyo imports profiles in jobs, which take minutes when there is much
to do. With `deferrable` that task gives its worker back meanwhile, and a trigger waits for the jobs; that needs a
triggerer, and before Airflow 3.2 `max_active_runs=1`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToKlaviyoOperator, sync_params

with DAG(
    dag_id="databricks_to_klaviyo",
    schedule="0 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["klaviyo", "databricks"],
    doc_md=__doc__,
):
    profiles = WarehouseToKlaviyoOperator(
        task_id="send_profiles",
        warehouse_conn_id="databricks_default",
        source="KLAVIYO_IMPORT_FROM_DWH.PROFILES",
        data_type="profiles",
        klaviyo_conn_id="klaviyo_default",
        deferrable=True,
    )
    events = WarehouseToKlaviyoOperator(
        task_id="send_events",
        warehouse_conn_id="databricks_default",
        source="KLAVIYO_IMPORT_FROM_DWH.ORDERS",
        data_type="events",
        klaviyo_conn_id="klaviyo_default",
        metric="Placed Order",
        columns={
            "UPDATED_AT": "LOADED_AT",
            "EVENT_TIME": "ORDERED_AT",
            "UNIQUE_ID": "ORDER_ID",
            "VALUE": "TOTAL",
            "VALUE_CURRENCY": "CURRENCY",
        },
    )
    profiles >> events
