"""### Customer attributes, every 15 minutes

The plainest sync: a table with the columns of Braze Cloud Data Ingestion (`UPDATED_AT`, `EXTERNAL_ID`, `PAYLOAD`).
Each run sends the rows that changed since the run before. When more than five per cent of them are rejected the task
fails, after everything else was delivered, so that somebody looks at the reject file. A load that stamps the whole
table anew does not reach Braze: from the second run on, a run of more than a fifth of the table, or of more than two
million data points, stops before anything is sent, until somebody lets it pass in the trigger form.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToBrazeOperator, sync_params

with DAG(
    dag_id="braze_attributes_every_15_minutes",
    schedule="*/15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    params=sync_params(),
    tags=["braze", "attributes"],
    doc_md=__doc__,
):
    WarehouseToBrazeOperator(
        task_id="send_attributes",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.users_attributes",
        data_type="attributes",
        braze_conn_id="braze_default",
        max_reject_percent=5,
        max_share_of_source=20,
        max_data_points=2_000_000,
    )
