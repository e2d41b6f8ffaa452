"""What follows the set-up in Airflow: the commands that check the sync, and its DAG as a file."""

from __future__ import annotations

from airflow_provider_cdi.setup.sql.names import Blank, printable
from airflow_provider_cdi.setup.sql.options import SetupOptions
from airflow_provider_cdi.setup.sql.shell import Gap, word

_OPERATORS = {"braze": "WarehouseToBrazeOperator", "klaviyo": "WarehouseToKlaviyoOperator"}

_CATALOG = Gap("BRAZE_CATALOG", "name of the catalog")

_DAG = '''"""{destination}: {data_type}, every 15 minutes."""

from datetime import UTC, datetime

from airflow.sdk import DAG

from airflow_provider_cdi import {operator}, sync_params

with DAG(
    dag_id="warehouse_to_{name}_{data_type}",
    schedule="*/15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=sync_params(),
):
    {operator}(
        task_id="send_{data_type}",
        warehouse_conn_id={conn_id},
        source={source},
        data_type="{data_type}",
        {name}_conn_id="{name}_default",{more}
    )'''


def dag_file(options: SetupOptions, conn_id: str, source: str) -> str:
    """Return the file.

    :param options: destination and data type, and the catalog of ``catalog_items``.
    :param conn_id: of the warehouse's connection.
    :param source: the table or view, as the operator reads it.
    """
    return _DAG.format(
        destination=options.destination.capitalize(),
        name=options.destination,
        data_type=options.data_type,
        operator=_OPERATORS[options.destination],
        conn_id=_literal(conn_id),
        source=_literal(source),
        more=_more(options),
    )


def check_commands(options: SetupOptions, conn_id: str, source: str) -> str:
    """Return the commands that check the sync and show its first rows, before there is a DAG."""
    sync = f"--warehouse-conn-id {word(conn_id)} --source {word(source)} \\\n  --data-type {options.data_type}"
    sync += f" --{options.destination}-conn-id {options.destination}_default"
    if options.data_type == "catalog_items":
        catalog = printable(options.braze_catalog, "--braze-catalog") if options.braze_catalog else _CATALOG
        sync += f" --arg catalog={word(catalog)}"
    return f"airflow cdi check {sync}\nairflow cdi preview {sync}"


def _more(options: SetupOptions) -> str:
    if options.data_type == "catalog_items":
        given = options.braze_catalog
        catalog = _literal(printable(given, "--braze-catalog")) if given else Blank("the catalog's name in Braze")
        return f"\n        catalog={catalog},"
    return ""


def _literal(text: str) -> str:
    """Return a text as Python writes it, in double quotes where that needs no escape."""
    return f'"{text}"' if not set(text) & set('"\\') else repr(text)
