"""### A watch over syncs of other DAGs, every 15 minutes

It tells by mail when a sync had no success for three hours, or no rows for a day; and when a run failed of which no
callback told, because its worker was killed or somebody marked the task as failed. Each is told
once, and so is its end.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG

from airflow_provider_cdi import WatchSyncsOperator

with DAG(
    dag_id="watch_syncs_every_15_minutes",
    schedule="*/15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=1)},
    tags=["alerts"],
    doc_md=__doc__,
):
    WatchSyncsOperator(
        task_id="watch",
        syncs=[("braze_attributes_every_15_minutes", "send_attributes"), ("klaviyo_profiles_hourly", "send_profiles")],
        no_success_for=timedelta(hours=3),
        no_rows_for=timedelta(days=1),
        notify=SmtpNotifier(to="data-team@example.com"),
    )
