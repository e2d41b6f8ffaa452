"""### Redshift to Braze, every day

Reads through a server-side cursor in one read-only transaction, because the driver would otherwise hold a whole
result in memory. Each query carries the sync's id as its query group.

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
    dag_id="redshift_to_braze",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["braze", "redshift"],
    doc_md=__doc__,
):
    for data_type, table in TABLES.items():
        WarehouseToBrazeOperator(
            task_id=f"send_{data_type}",
            warehouse_conn_id="redshift_default",
            source=table,
            data_type=data_type,
            catalog="products" if data_type == "catalog_items" else None,
        )
