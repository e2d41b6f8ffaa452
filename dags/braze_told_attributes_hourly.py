"""### Customer attributes, and who hears when something is wrong

The people on call hear by mail when the sync does not run, once for each trouble, and once when it runs again.
Marketing hears when one per cent of the rows or more is rejected, and when no such rows come any more. Retries that
help, further runs that fail in the same way and dry runs are told to nobody. The addresses stand at the top of the
file; the connection `smtp_default` has the mail server.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG

from airflow_provider_cdi import (
    RecoveredNotifier,
    RowErrorNotifier,
    SyncErrorNotifier,
    WarehouseToBrazeOperator,
    sync_params,
)

ON_CALL = SmtpNotifier(to=["data-team@example.com"], from_email="airflow@example.com")
MARKETING = SmtpNotifier(to=["crm@example.com"], from_email="airflow@example.com")
ROW_ERRORS = RowErrorNotifier(MARKETING, percent=1)

with DAG(
    dag_id="braze_told_attributes_hourly",
    schedule="@hourly",
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
        source="marketing.loyalty_attributes",
        data_type="attributes",
        max_reject_percent=20,
        on_failure_callback=[SyncErrorNotifier(ON_CALL), ROW_ERRORS],
        on_success_callback=[RecoveredNotifier(ON_CALL), ROW_ERRORS],
    )
