"""### BigQuery to Braze, every six hours

Reads query results through the Storage Read API, and through REST with a warning where the account may not. Each job
carries the sync's id as a label. Queries cost by the bytes they read: partition the tables by `UPDATED_AT`.

The five tables have the columns of Braze Cloud Data Ingestion, and the login needs no more than to read them. Each task
is a sync of its own, with a watermark of its own; they share the two connections.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import BrazeDataType, WarehouseToBrazeOperator, sync_params

#: Data type -> its table.
TABLES: dict[BrazeDataType, str] = {
    "attributes": "ingestion.users_attributes_sync",
    "events": "ingestion.users_events_sync",
    "purchases": "ingestion.users_purchases_sync",
    "user_deletes": "ingestion.users_deletes_sync",
    "catalog_items": "ingestion.products_sync",
}

with DAG(
    dag_id="bigquery_to_braze",
    schedule="0 */6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["braze", "bigquery"],
    doc_md=__doc__,
):
    for data_type, table in TABLES.items():
        WarehouseToBrazeOperator(
            task_id=f"send_{data_type}",
            warehouse_conn_id="bigquery_default",
            source=table,
            data_type=data_type,
            catalog="products" if data_type == "catalog_items" else None,
        )
