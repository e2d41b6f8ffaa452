"""### Customer attributes every day, checked first

A task looks at all that the sync needs before it sends anything: network, log-in, table, columns, privileges, key. What
it finds is in its log and its XCom. What only a person can mend fails it at once, and then nothing is sent; a host that
does not answer is tried again. `counts=False` leaves out what reads the whole table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import CheckSyncOperator, WarehouseToBrazeOperator, sync_params

with DAG(
    dag_id="checked_attributes_daily",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    params=sync_params(),
    tags=["braze", "attributes"],
    doc_md=__doc__,
):
    send = WarehouseToBrazeOperator(
        task_id="send_attributes",
        warehouse_conn_id="cdi_warehouse",
        source="marketing.users_attributes",
        data_type="attributes",
        braze_conn_id="braze_default",
    )
    CheckSyncOperator(task_id="check", sync=send, counts=False) >> send
