"""DAG files as people write them: mypy --strict must have nothing to say about any of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.guards.delete_cap import DeleteCap
from airflow_provider_cdi.engine.reading.partition import partitions
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.state.assets import mapped_sync
from airflow_provider_cdi.transfers.params import sync_params
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_http import WarehouseToHttpOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator


def tell(context: Any) -> None:
    print(context["ti"])


with DAG("plain", schedule="@hourly", start_date=datetime(2026, 1, 1, tzinfo=UTC), params=sync_params()) as dag:
    first = WarehouseToBrazeOperator(
        task_id="plain",
        warehouse_conn_id="w",
        source="USERS",
        data_type="attributes",
        braze_conn_id="b",
        on_long_array="reject",
    )
    everything = WarehouseToBrazeOperator(
        task_id="everything",
        warehouse_conn_id="w",
        sql="select * from users",
        data_type="catalog_items",
        catalog="products",
        merge=True,
        on_unknown_field="drop",
        columns={"ID": "sku"},
        payload_columns={"price": "price"},
        watermark_timezone="Europe/Berlin",
        sync_id="products",
        initial=date(2026, 1, 1),
        sync_mode="{{ var.value.mode }}",
        since=datetime(2026, 1, 1, tzinfo=UTC),
        until=None,
        dry_run="{{ var.value.dry }}",
        rejects_path="s3://bucket/{{ run_id }}.jsonl",
        allow_rejects_anywhere=True,
        rejects_keep=timedelta(days=30),
        max_rows=1_000,
        max_share_of_source=12.5,
        max_data_points=None,
        max_new_profiles=0,
        max_reject_percent=2.5,
        limits=BrazeLimits(catalog_items=10),
        delivery=DeliverySettings(max_in_flight=8, retry=RetryPolicy(attempts=3)),
        checkpoint="variable",
        max_active_tis_per_dag=None,
        retries=3,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(hours=2),
        on_failure_callback=tell,
        on_success_callback=[tell],
        pool="braze",
        queue="big",
        trigger_rule="all_done",
        doc_md="words",
        params={"mine": 1},
    )
    deletes = WarehouseToBrazeOperator(
        task_id="deletes", warehouse_conn_id="w", source="D", data_type="user_deletes", delete_cap=DeleteCap(rows=5)
    )
    profiles = WarehouseToKlaviyoOperator(
        task_id="profiles",
        warehouse_conn_id="w",
        source="P",
        data_type="profiles",
        klaviyo_conn_id="k",
        list_ids=["Y6nRLr"],
        null_policy="clear",
        on_bad_phone="drop",
        limits=KlaviyoLimits(import_profiles=1_000),
        rate_share=0.5,
        deferrable=True,
        payload_columns=("a", "b"),
        max_reject_percent=5,
        retries=1,
    )
    WarehouseToHttpOperator(
        task_id="rows",
        warehouse_conn_id="w",
        source="R",
        endpoint="/v1/rows",
        http_conn_id="h",
        method="PUT",
        id_column="customer_id",
        batch_rows=100,
        body_bytes=500_000,
        repeats="harmless",
        retries=1,
    )
    first >> everything >> [deletes, profiles]
    WarehouseToBrazeOperator.partial(
        task_id="parts", warehouse_conn_id="w", source="S", data_type="events", **mapped_sync("s", at_once=4)
    ).expand(partition=partitions(8))
