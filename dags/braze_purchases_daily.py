"""### Purchases, every night

The table is the shop's own, without a `PAYLOAD` column. `payload_columns` builds the payload from plain columns with
the right types: a decimal stays exact, and a dot puts a value into the event's `properties`. `DeliverySettings` keeps
the sync below 20 requests a second, to leave room for others that use the same Braze workspace.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import DeliverySettings, WarehouseToBrazeOperator, sync_params

with DAG(
    dag_id="braze_purchases_daily",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    params=sync_params(),
    tags=["braze", "purchases"],
    doc_md=__doc__,
):
    WarehouseToBrazeOperator(
        task_id="send_purchases",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.order_lines",
        data_type="purchases",
        braze_conn_id="braze_default",
        payload_columns={
            "sku": "product_id",
            "currency": "currency",
            "unit_price": "price",
            "quantity": "quantity",
            "order_id": "properties.order_id",
            "coupon": "properties.coupon",
        },
        delivery=DeliverySettings(requests_per_second=20),
    )
