"""A sync to Braze from the table to the report, in a warehouse and a workspace of one's own.

Connections: ``cdi_system_warehouse``, whose login may create a table, and ``braze_default``. Two users,
``cdi-system-1`` and ``cdi-system-2``, are in the workspace afterwards.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, task

from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

TABLE = "cdi_system_braze"

with DAG("cdi_system_braze", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:
    make_table = SQLExecuteQueryOperator(
        task_id="make_table",
        conn_id="cdi_system_warehouse",
        sql=f"""
            create table {TABLE} as
            select current_timestamp as updated_at, 'cdi-system-1' as external_id, '{{"plan": "pro"}}' as payload
            union all
            select current_timestamp as updated_at, 'cdi-system-2' as external_id, '{{"plan": "free"}}' as payload
        """,
    )

    # [START howto_operator_warehouse_to_braze]
    send = WarehouseToBrazeOperator(
        task_id="send_attributes",
        warehouse_conn_id="cdi_system_warehouse",
        source=TABLE,
        data_type="attributes",
        braze_conn_id="braze_default",
        sync_mode="full",
    )
    # [END howto_operator_warehouse_to_braze]

    @task
    def check_report(report: dict[str, Any]) -> None:
        """Fail unless both rows were accepted."""
        counts = {name: report[name] for name in ("rows_read", "accepted", "rejected", "skipped", "unknown")}
        if counts != {"rows_read": 2, "accepted": 2, "rejected": 0, "skipped": 0, "unknown": 0}:
            raise RuntimeError(f"Two rows were to be accepted, and the report says {counts}")

    drop_table = SQLExecuteQueryOperator(
        task_id="drop_table", conn_id="cdi_system_warehouse", sql=f"drop table {TABLE}"
    ).as_teardown(setups=make_table)

    make_table >> send >> check_report(send.output) >> drop_table
