"""### Customers to a service of one's own, every hour

A service with one endpoint takes customers in batches of at most 200, as JSON with a signature, and keeps them by
`customer_id`. So a batch that comes again changes nothing there, which `repeats` says. Rows that the service refuses by
their place in the batch are rejects; the others are accepted.

The connection is of Airflow's own type `http`, with a `signing_secret` in its extra.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToHttpOperator, sync_params

with DAG(
    dag_id="http_customers_hourly",
    schedule="40 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params=sync_params(),
    tags=["http", "rows"],
    doc_md=__doc__,
):
    WarehouseToHttpOperator(
        task_id="send_customers",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.customers",
        http_conn_id="http_default",
        endpoint="/v1/customers",
        id_column="customer_id",
        payload_columns=["plan", "city"],
        batch_rows=200,
        repeats="harmless",
    )
