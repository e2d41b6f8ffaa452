"""``airflow cdi connections``: which syncs use which connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import cdi_command, option
from airflow_provider_cdi.cli.sync_args import ARG_DAG_FILE

if TYPE_CHECKING:
    import argparse


def _run(options: argparse.Namespace) -> int | None:
    from airflow_provider_cdi.cli.dag_files import read_dag_files
    from airflow_provider_cdi.cli.dag_syncs import syncs_of
    from airflow_provider_cdi.cli.output import print_result, tell

    files = read_dag_files(options.dag_file)
    rows = []
    for sync in syncs_of(files.dags.values()):
        for use in ("warehouse_conn_id", "braze_conn_id", "klaviyo_conn_id", "http_conn_id"):
            if (conn_id := sync.argument(use)) and options.conn_id in {None, conn_id}:
                rows.append({"conn_id": conn_id, "used_as": use, "dag_id": sync.dag.dag_id, "task_id": sync.task_id})
    for file, error in files.errors.items():
        tell(f"{file} could not be read, so its syncs are not shown: {error}")
    print_result(sorted(rows, key=lambda row: tuple(row.values())), options.output)
    return None


COMMAND = cdi_command(
    "connections",
    _run,
    help="Show which syncs use which connections",
    args=(
        option("--conn-id", help="Only the syncs that use this connection"),
        ARG_DAG_FILE,
    ),
    examples=("", "--conn-id braze_default", "--output json"),
)
