"""Which class reads the warehouse of which connection type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_cdi.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_cdi.hooks.sql.hook import SqlWarehouseHook

#: Connection type -> ``module:class`` of the warehouses that read in a way of their own. Every other type
#: goes through its own ``DbApiHook``. Modules are imported when a task runs.
WAREHOUSES: Mapping[str, str] = {
    "snowflake": "airflow_provider_cdi.hooks.snowflake.hook:SnowflakeWarehouseHook",
    "redshift": "airflow_provider_cdi.hooks.redshift.hook:RedshiftWarehouseHook",
    "gcpbigquery": "airflow_provider_cdi.hooks.bigquery.hook:BigQueryWarehouseHook",
    "google_cloud_platform": "airflow_provider_cdi.hooks.bigquery.hook:BigQueryWarehouseHook",
    "databricks": "airflow_provider_cdi.hooks.databricks.hook:DatabricksWarehouseHook",
}
#: Connection types that rows are sent to, never read from.
DESTINATIONS = ("braze", "klaviyo")
_ANY_SQL = "airflow_provider_cdi.hooks.sql.hook:SqlWarehouseHook"


def get_warehouse_hook(conn_id: str, tag: str = "") -> SqlWarehouseHook:
    """Return the warehouse of an Airflow connection.

    The connection is fetched from Airflow once, here.

    :param conn_id: the Airflow connection's id.
    :param tag: the name under which the warehouse's own history shows what is asked: the sync's id.
    :raises ConfigurationError: when there is no such connection, or it does not lead to a SQL database.
    """
    from importlib import import_module

    from airflow_provider_cdi.hooks.connections import find_connection

    connection = find_connection(conn_id)
    if connection.conn_type in DESTINATIONS:
        raise ConfigurationError(
            f"Connection {conn_id!r} has the type {connection.conn_type!r}, where rows are sent to; warehouse_conn_id "
            "needs the connection of the database that they are read from."
        )
    module, _, name = WAREHOUSES.get(connection.conn_type or "", _ANY_SQL).partition(":")
    warehouse: SqlWarehouseHook = getattr(import_module(module), name)(connection, tag)
    return warehouse
