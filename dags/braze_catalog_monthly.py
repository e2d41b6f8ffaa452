"""### Product catalog, every month

Items of a Braze catalog: changed rows replace their item or make it, rows with `DELETED` remove it. The catalog and its
fields must exist in Braze first. `payload_columns` as a list keeps the columns' names. A catalog should be whole, so
any reject fails the task.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToBrazeOperator, sync_params

with DAG(
    dag_id="braze_catalog_monthly",
    schedule="0 5 1 * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    params=sync_params(),
    tags=["braze", "catalog_items"],
    doc_md=__doc__,
):
    WarehouseToBrazeOperator(
        task_id="send_items",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.products",
        data_type="catalog_items",
        braze_conn_id="braze_default",
        catalog="products",
        payload_columns=["title", "price", "in_stock", "dimensions"],
        max_reject_percent=0,
    )
