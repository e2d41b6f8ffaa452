"""### Customer attributes every day, and once more what was rejected

Behind the sync a task sends the rows again that were rejected half a day ago or earlier, as they are now: somebody has
mended them in the table since. It takes each reject once; one that is still wrong is a new reject, for tomorrow.
`codes` names the troubles that are mended so, and leaves the others to a person. Before Airflow 3.3 the sync needs
`checkpoint="variable"` for it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_cdi import RedriveRejectsOperator, WarehouseToBrazeOperator, sync_params

with DAG(
    dag_id="redriven_attributes_daily",
    schedule="0 5 * * *",
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
        source="marketing.customer_attributes",
        data_type="attributes",
        braze_conn_id="braze_default",
        checkpoint="variable",
    )
    send >> RedriveRejectsOperator(task_id="again", sync=send, codes=["payload_not_json"], older_than="12h")
