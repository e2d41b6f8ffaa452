"""### Erasure requests, every week

Deletes the users who asked for it. The table has names of its own, and `columns` says which column plays which part. A
delete cannot be taken back, so `DeleteCap` stops a run that would delete too many before anything is sent, and whoever
triggers the DAG can choose nothing but a dry run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import DeleteCap, WarehouseToBrazeOperator, sync_params

with DAG(
    dag_id="braze_user_deletes_weekly",
    schedule="0 4 * * 1",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    # A run of deletes takes no other choice: see lock_run_choices.
    params={"dry_run": sync_params()["dry_run"]},
    tags=["braze", "user_deletes"],
    doc_md=__doc__,
):
    WarehouseToBrazeOperator(
        task_id="delete_users",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.erasure_requests",
        data_type="user_deletes",
        braze_conn_id="braze_default",
        columns={"EXTERNAL_ID": "customer_id", "UPDATED_AT": "approved_at"},
        delete_cap=DeleteCap(rows=100, percent=20),
    )
