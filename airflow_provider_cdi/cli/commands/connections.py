"""``airflow cdi connections``: which syncs use which connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_cdi.cli.command import cdi_command, option
from airflow_provider_cdi.cli.sync_args import ARG_DAG_FILE

if TYPE_CHECKING:
    import argparse


def _run(options: argparse.Namespace) -> int | None:
    from airflow_provider_cdi.cli.output import print_result, tell
    from airflow_provider_cdi.cli.syncs.connection_uses import connection_uses, where_looked
    from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files
    from airflow_provider_cdi.transfers.sync_tasks import sync_tasks

    files = read_dag_files(options.dag_file)
    syncs = sync_tasks(files.dags.values())
    uses = [one for one in connection_uses(syncs) if options.conn_id in {None, one.conn_id}]
    for file, error in files.errors.items():
        tell(f"{file} could not be read, so its syncs are not shown: {error}")
    tell(f"Read {', '.join(files.places) or 'no folder'}: DAGs {len(files.dags)}, syncs {len(syncs)}.")
    rows = [one.row() for one in uses]
    # A terminal is narrow: the rest is in the other forms.
    short = [{name: row[name] for name in ("conn_id", "exists", "used_as", "dag_id", "task_id")} for row in rows]
    print_result(short if options.output == "table" else rows, options.output)
    missing = sorted({one.conn_id for one in uses if one.exists is False})
    if missing:
        tell(f"Not there: {', '.join(missing)}. Looked for in {where_looked()}.")
    return int(bool(missing))


COMMAND = cdi_command(
    "connections",
    _run,
    help="Show which syncs use which connections, and which connections are missing",
    description=(
        "Reads the DAG files and shows which syncs use which connections: as warehouse, as destination, as storage of "
        "rejects, as SSH tunnel. Exit code 1 when one of them does not exist."
    ),
    args=(
        option("--conn-id", help="Only the syncs that use this connection"),
        ARG_DAG_FILE,
    ),
    examples=("", "--conn-id braze_default", "--dag-file dags/users.py --output json"),
)
