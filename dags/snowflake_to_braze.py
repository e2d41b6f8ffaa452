"""### Snowflake to Braze, every hour

Reads as Arrow batches that the connector downloads ahead, at nanoseconds. The connection names the database; each
query carries the sync's id as its query tag, so Snowflake's own history shows who asked.

The five tables have the columns of Braze Cloud Data Ingestion, and the login needs no more than to read them. Each task
is a sync of its own, with a watermark of its own; they share the two connections.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import BrazeDataType, WarehouseToBrazeOperator, sync_params

#: Data type -> its table.
TABLES: dict[BrazeDataType, str] = {
    "attributes": "INGESTION.USERS_ATTRIBUTES_SYNC",
    "events": "INGESTION.USERS_EVENTS_SYNC",
    "purchases": "INGESTION.USERS_PURCHASES_SYNC",
    "user_deletes": "INGESTION.USERS_DELETES_SYNC",
    "catalog_items": "INGESTION.PRODUCTS_SYNC",
}

with DAG(
    dag_id="snowflake_to_braze",
    schedule="0 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["braze", "snowflake"],
    doc_md=__doc__,
):
    for data_type, table in TABLES.items():
        WarehouseToBrazeOperator(
            task_id=f"send_{data_type}",
            warehouse_conn_id="snowflake_default",
            source=table,
            data_type=data_type,
            catalog="products" if data_type == "catalog_items" else None,
        )
